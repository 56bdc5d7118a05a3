//! What stands alone beside tables: collations, text search, casts, publications, event triggers.

use migrate_core::Result;
use migrate_core::declared::{Moment, Object};
use migrate_core::plan::{quote_ident, quote_literal};
use migrate_core::template::Template;
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;

use super::super::Draft;
use super::super::questions::Wanted;
use super::Found;
use super::graph::Node;
use crate::connect::ask;

/// An object with the statement that creates it.
#[derive(Debug, Deserialize)]
struct Row {
    oid: u32,
    kind: String,
    schema: Option<String>,
    name: String,
    definition: String,
    /// Further statements.
    more: Option<String>,
    comment: Option<String>,
    /// The function that it calls.
    function: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Publication {
    oid: u32,
    name: String,
    all_tables: bool,
    options: String,
    comment: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Published {
    publication: u32,
    #[serde(rename = "table")]
    table: u32,
    columns: Option<Vec<String>>,
    filter: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PublishedSchema {
    publication: u32,
    schema: String,
}

/// Adds collations, dictionaries and configurations before everything else: columns, types and functions name them.
pub(super) async fn first(connection: &mut PgConnection, wanted: &Wanted, draft: &mut Draft) -> Result<()> {
    let rows: Vec<Row> = ask(connection, &wanted.named_by_others()).await?;
    draft.objects.splice(
        0..0,
        rows.iter().map(|row| object(row, Template::sql(&row.definition))),
    );
    Ok(())
}

/// Adds casts, which take their place among functions and types.
pub(super) async fn casts(connection: &mut PgConnection, found: &mut Found) -> Result<()> {
    for row in ask::<Row>(connection, CASTS).await? {
        let node = Node::cast(row.oid);
        let create = found.known.template(&row.definition, None);
        let mut cast = object(&row, create);
        cast.moment = found.moment(&node);
        cast.drop = Some(
            found
                .known
                .template(&format!("drop cast if exists ({})", row.name), None),
        );
        cast.uses = found.uses(&node);
        found.add(node, cast);
    }
    Ok(())
}

/// Adds publications and, as the very last, event triggers. Of Supabase's own projects these are the service's.
pub(super) async fn last(
    connection: &mut PgConnection,
    wanted: &Wanted,
    found: &Found,
    draft: &mut Draft,
) -> Result<()> {
    let publications: Vec<Publication> = ask(connection, &wanted.publications()).await?;
    let tables: Vec<Published> = ask(connection, &wanted.published()).await?;
    let schemas: Vec<PublishedSchema> = if wanted.major >= 15 {
        ask(connection, PUBLISHED_SCHEMAS).await?
    } else {
        Vec::new()
    };
    let event_triggers: Vec<Row> = ask(connection, EVENT_TRIGGERS).await?;
    for row in &publications {
        if wanted.supabase && row.name.starts_with("supabase_") {
            draft.by_hand("publication", &row.name, "", "it is the project's own");
            continue;
        }
        let of = |oid: u32| oid == row.oid;
        let tables: Vec<&Published> = tables.iter().filter(|t| of(t.publication)).collect();
        let schemas: Vec<&PublishedSchema> = schemas.iter().filter(|s| of(s.publication)).collect();
        match publication(found, row, &tables, &schemas) {
            Some(object) => draft.objects.push(object),
            None => draft.by_hand(
                "publication",
                &row.name,
                "",
                "it publishes a table that is not carried over",
            ),
        }
    }
    for row in &event_triggers {
        let function = row
            .function
            .and_then(|oid| found.objects.get(&Node::function(oid)));
        match function {
            Some(function) if !wanted.supabase => {
                let mut trigger = object(row, Template::sql(&row.definition));
                trigger.needs.push((function.kind.clone(), function.name.clone()));
                trigger.moment = Moment::End;
                trigger.superuser = true;
                draft.objects.push(trigger);
            }
            Some(_) => draft.by_hand(&row.kind, &row.name, &row.definition, "it is the project's own"),
            None => {
                let reason = "it calls a function that is not carried over";
                draft.by_hand(&row.kind, &row.name, &row.definition, reason);
            }
        }
    }
    Ok(())
}

/// Named by a schema and a name, or by a name alone.
fn object(row: &Row, mut create: Template) -> Object {
    let quoted = match &row.schema {
        Some(schema) => format!("{}.{}", quote_ident(schema), quote_ident(&row.name)),
        None => quote_ident(&row.name),
    };
    if let Some(more) = &row.more {
        create.push_sql(&format!(";\n{more}"));
    }
    if let Some(text) = &row.comment {
        let what = if row.kind == "cast" {
            format!("cast ({})", row.name)
        } else {
            format!("{} {quoted}", row.kind)
        };
        create.push_sql(&format!(";\ncomment on {what} is {}", quote_literal(text)));
    }
    Object {
        kind: row.kind.clone(),
        name: match &row.schema {
            Some(schema) => format!("{schema}.{}", row.name),
            None => row.name.clone(),
        },
        relation: None,
        schema: row.schema.clone(),
        moment: Moment::BeforeTables,
        create,
        drop: Some(Template::sql(format!("drop {} if exists {quoted}", row.kind))),
        table: None,
        uses: Vec::new(),
        needs: Vec::new(),
        superuser: false,
        notes: Vec::new(),
    }
}

fn publication(
    found: &Found,
    row: &Publication,
    tables: &[&Published],
    schemas: &[&PublishedSchema],
) -> Option<Object> {
    let name = quote_ident(&row.name);
    let mut create = Template::sql(format!("create publication {name}"));
    if row.all_tables {
        create.push_sql(" for all tables");
    }
    let mut before = " for ";
    for published in tables {
        let table = found.names.get(&Node::class(published.table))?;
        create.push_sql(&format!("{before}table only "));
        before = ", ";
        create.push_relation(table.clone());
        for (n, column) in published.columns.iter().flatten().enumerate() {
            create.push_sql(if n == 0 { " (" } else { ", " });
            create.push_column(table.clone(), column);
        }
        create.push_sql(if published.columns.is_some() { ")" } else { "" });
        if let Some(filter) = &published.filter {
            create.push_sql(" where (");
            create.push(found.known.template(filter, Some(table)));
            create.push_sql(")");
        }
    }
    for published in schemas {
        create.push_sql(&format!("{before}tables in schema "));
        before = ", ";
        create.push_schema(published.schema.as_str());
    }
    create.push_sql(&format!(" with ({})", row.options));
    if let Some(text) = &row.comment {
        create.push_sql(&format!(
            ";\ncomment on publication {name} is {}",
            quote_literal(text)
        ));
    }
    Some(Object {
        kind: "publication".to_owned(),
        name: row.name.clone(),
        relation: None,
        schema: None,
        moment: Moment::End,
        create,
        drop: Some(Template::sql(format!("drop publication if exists {name}"))),
        table: None,
        uses: Vec::new(),
        needs: Vec::new(),
        superuser: row.all_tables || !schemas.is_empty(),
        notes: Vec::new(),
    })
}

/// Those that call no function, or one of SQL or a procedural language.
const CASTS: &str = "
    select x.oid::bigint as oid, 'cast' as kind, null as schema,
           format_type(x.castsource, null) || ' as ' || format_type(x.casttarget, null) as name,
           'create cast (' || format_type(x.castsource, null) || ' as ' || format_type(x.casttarget, null) || ') '
           || case x.castmethod when 'f' then 'with function ' || x.castfunc::regprocedure::text
                                when 'i' then 'with inout' else 'without function' end
           || case x.castcontext when 'a' then ' as assignment' when 'i' then ' as implicit' else '' end as definition,
           null as more, obj_description(x.oid, 'pg_cast') as comment, null as function
    from pg_cast x
    where x.oid >= 16384
      and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = x.oid and d.deptype in ('e', 'i'))
    order by x.oid";

const EVENT_TRIGGERS: &str = "
    select x.oid::bigint as oid, 'event trigger' as kind, null as schema, x.evtname as name,
           'create event trigger ' || quote_ident(x.evtname) || ' on ' || x.evtevent
           || coalesce(' when tag in (' || (select string_agg(quote_literal(tag), ', ' order by n)
                                            from unnest(x.evttags) with ordinality as t (tag, n)) || ')', '')
           || ' execute function ' || x.evtfoid::regproc::text || '()' as definition,
           'alter event trigger ' || quote_ident(x.evtname)
           || case x.evtenabled when 'D' then ' disable' when 'A' then ' enable always' when 'R' then ' enable replica' end as more,
           obj_description(x.oid, 'pg_event_trigger') as comment, x.evtfoid::bigint as function
    from pg_event_trigger x
    where not exists (select from pg_depend d
                      where d.classid = 'pg_event_trigger'::regclass and d.objid = x.oid and d.deptype = 'e')
    order by x.evtname";

const PUBLISHED_SCHEMAS: &str = "
    select x.pnpubid::bigint as publication, n.nspname as schema
    from pg_publication_namespace x join pg_namespace n on n.oid = x.pnnspid
    order by x.oid";

impl Wanted {
    /// Collations, text search dictionaries and configurations.
    fn named_by_others(&self) -> String {
        let collations = self.objects("pg_collation", "x.oid");
        let dictionaries = self.objects("pg_ts_dict", "x.oid");
        let configurations = self.objects("pg_ts_config", "x.oid");
        // Where an ICU locale stands moved twice.
        let locale = match self.major {
            ..=14 => "x.collcollate",
            15 | 16 => "x.colliculocale",
            _ => "x.colllocale",
        };
        let deterministic = if self.major >= 12 {
            "case when x.collisdeterministic then '' else ', deterministic = false' end"
        } else {
            "''"
        };
        let rules = if self.major >= 16 {
            "coalesce(', rules = ' || quote_literal(x.collicurules), '')"
        } else {
            "''"
        };
        format!(
            "select x.oid::bigint as oid, 'collation' as kind, n.nspname as schema, x.collname as name,
                    'create collation ' || quote_ident(n.nspname) || '.' || quote_ident(x.collname)
                    || case x.collprovider
                       when 'c' then ' (provider = libc, lc_collate = ' || quote_literal(x.collcollate)
                                     || ', lc_ctype = ' || quote_literal(x.collctype)
                       when 'i' then ' (provider = icu, locale = ' || quote_literal({locale}) || {deterministic} || {rules}
                       else ' (provider = builtin, locale = ' || quote_literal({locale}) end || ')' as definition,
                    null as more, obj_description(x.oid, 'pg_collation') as comment, null::bigint as function, 1 as place
             from pg_collation x join pg_namespace n on n.oid = x.collnamespace
             where x.collencoding in (-1, (select encoding from pg_database where datname = current_database()))
               and x.collprovider <> 'd' and {collations}
             union all
             select x.oid::bigint, 'text search dictionary', n.nspname, x.dictname,
                    'create text search dictionary ' || quote_ident(n.nspname) || '.' || quote_ident(x.dictname) || ' (template = '
                    || quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname) || coalesce(', ' || x.dictinitoption, '') || ')',
                    null, obj_description(x.oid, 'pg_ts_dict'), null, 2
             from pg_ts_dict x
             join pg_namespace n on n.oid = x.dictnamespace
             join pg_ts_template t on t.oid = x.dicttemplate
             join pg_namespace tn on tn.oid = t.tmplnamespace
             where {dictionaries}
             union all
             select x.oid::bigint, 'text search configuration', n.nspname, x.cfgname,
                    'create text search configuration ' || quote_ident(n.nspname) || '.' || quote_ident(x.cfgname) || ' (parser = '
                    || quote_ident(pn.nspname) || '.' || quote_ident(p.prsname) || ')',
                    (select string_agg('alter text search configuration ' || quote_ident(n.nspname) || '.' || quote_ident(x.cfgname)
                                       || ' add mapping for ' || quote_ident(m.token) || ' with ' || m.dictionaries, E';\\n'
                                       order by m.number)
                     from (select m.maptokentype as number,
                                  (select tt.alias from ts_token_type(x.cfgparser) as tt where tt.tokid = m.maptokentype) as token,
                                  string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno) as dictionaries
                           from pg_ts_config_map m where m.mapcfg = x.oid group by m.maptokentype) as m),
                    obj_description(x.oid, 'pg_ts_config'), null, 3
             from pg_ts_config x
             join pg_namespace n on n.oid = x.cfgnamespace
             join pg_ts_parser p on p.oid = x.cfgparser
             join pg_namespace pn on pn.oid = p.prsnamespace
             where {configurations}
             order by place, oid"
        )
    }

    fn publications(&self) -> String {
        let truncate = if self.major >= 11 {
            "x.pubtruncate"
        } else {
            "false"
        };
        let root = if self.major >= 13 { "x.pubviaroot" } else { "false" };
        let generated = if self.major >= 18 {
            "case x.pubgencols when 's' then ', publish_generated_columns = stored' else '' end"
        } else {
            "''"
        };
        format!(
            "select x.oid::bigint as oid, x.pubname as name, x.puballtables as all_tables,
                    'publish = ' || quote_literal(concat_ws(', ', case when x.pubinsert then 'insert' end,
                                                            case when x.pubupdate then 'update' end,
                                                            case when x.pubdelete then 'delete' end,
                                                            case when {truncate} then 'truncate' end))
                    || case when {root} then ', publish_via_partition_root = true' else '' end || {generated} as options,
                    obj_description(x.oid, 'pg_publication') as comment
             from pg_publication x
             order by x.pubname"
        )
    }

    fn published(&self) -> String {
        let (columns, filter) = if self.major >= 15 {
            (
                "(select array_agg(a.attname order by u.n) from unnest(x.prattrs::int2[]) with ordinality as u (num, n)
                  join pg_attribute a on a.attrelid = x.prrelid and a.attnum = u.num)",
                "pg_get_expr(x.prqual, x.prrelid)",
            )
        } else {
            ("null::name[]", "null::text")
        };
        format!(
            "select x.prpubid::bigint as publication, x.prrelid::bigint as \"table\", {columns} as columns, {filter} as filter
             from pg_publication_rel x
             order by x.oid"
        )
    }
}
