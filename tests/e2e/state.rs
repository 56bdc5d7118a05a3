//! A database's whole content as text, to be compared.

use crate::server::Database;

/// The schemas that are the user's.
const OURS: &str = "nspname not like 'pg\\_%' and nspname not in ('information_schema', 'migrate')";

impl Database {
    /// Everything that a migration makes, by content: rows, columns, constraints, indexes, views, sequences, comments.
    pub(crate) fn content(&self) -> String {
        self.sql(&format!(
            "
            select format('column %s.%s.%s %s %s %s %s%s %s', nspname, relname, attnum, attname,
                          format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
                          pg_get_expr(adbin, adrelid))
            from pg_attribute
            join pg_class on pg_class.oid = attrelid and relkind in ('r', 'v')
            join pg_namespace on pg_namespace.oid = relnamespace
            left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where {OURS} and attnum > 0
            order by 1;

            select format('constraint %s %s %s %s', conrelid::regclass, conname, convalidated,
                          pg_get_constraintdef(pg_constraint.oid))
            from pg_constraint
            join pg_namespace on pg_namespace.oid = connamespace
            where {OURS}
            order by 1;

            select format('index %s', indexdef)
            from pg_indexes
            where {}
            order by 1;

            select format('view %s.%s %s', schemaname, viewname, definition)
            from pg_views
            where {}
            order by 1;

            select format('sequence %s.%s %s %s %s', schemaname, sequencename, start_value, increment_by, last_value)
            from pg_sequences
            where {}
            order by 1;

            select format('comment %s %s', pg_describe_object(classoid, objoid, objsubid), description)
            from pg_description
            where objoid >= 16384 and objoid is distinct from to_regnamespace('migrate')
              and objoid not in (select oid from pg_class where relnamespace = to_regnamespace('migrate'))
            order by 1;

            select format('schema %s', nspname) from pg_namespace where {OURS} order by 1;
            select format('type %s', typname) from pg_type join pg_namespace on pg_namespace.oid = typnamespace
            where {OURS} and typtype = 'd' order by 1;
            {}",
            OURS.replace("nspname", "schemaname"),
            OURS.replace("nspname", "schemaname"),
            OURS.replace("nspname", "schemaname"),
            Self::each_table(OURS, "count(*), md5(string_agg(t::text, E'\\n' order by t::text collate \"C\"))"),
        ))
    }

    /// Where everything is stored, and which transaction wrote each row: any change shows, even to the same values.
    pub(crate) fn storage(&self) -> String {
        self.sql(&format!(
            "
            select oid, relname, relfilenode, relkind, xmin from pg_class where oid >= 16384 order by oid;
            select oid, xmin from pg_constraint where oid >= 16384 order by oid;
            select schemaname, sequencename, last_value from pg_sequences order by 1, 2;
            {}",
            Self::each_table(
                "nspname !~ '^(pg_|information_schema)'",
                "count(*), md5(string_agg(ctid::text || xmin::text, ' ' order by ctid))"
            ),
        ))
    }

    /// Expressions over each table `t`, behind its name.
    fn each_table(schemas: &str, columns: &str) -> String {
        let columns = columns.replace('\'', "''");
        format!(
            "select format('select %1$L, {columns} from %1$s as t', pg_class.oid::regclass)
             from pg_class
             join pg_namespace on pg_namespace.oid = relnamespace
             where {schemas} and relkind = 'r'
             order by pg_class.oid::regclass::text
             \\gexec\n"
        )
    }

    /// The user's tables, views and sequences, as `schema.name`.
    pub(crate) fn relations(&self) -> String {
        self.sql(&format!(
            "select string_agg(format('%s.%s', nspname, relname), ' ' order by nspname, relname)
             from pg_class
             join pg_namespace on pg_namespace.oid = relnamespace
             where {OURS} and relkind in ('r', 'p', 'v', 'S')"
        ))
    }

    /// Nothing at all was left here: no schema but `public`, no relation, no type.
    pub(crate) fn assert_untouched(&self, what: &str) {
        let left = self.sql(
            "select 'schema ' || nspname from pg_namespace
             where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public')
             union all
             select 'relation ' || relname from pg_class where oid >= 16384
             union all
             select 'type ' || typname from pg_type where oid >= 16384
             union all
             select 'extension ' || extname from pg_extension where extname <> 'plpgsql'",
        );
        assert_eq!(left, "", "{what} left something behind");
    }

    /// The ledger says that everything was done, and nothing was put aside.
    pub(crate) fn assert_complete(&self) {
        let open = self.sql(
            "select (select count(*) from migrate.run where finished_at is null)
                 || ' ' || (select count(*) from migrate.chunk where not done)
                 || ' ' || (select count(*) from migrate.chunk where read <> written + quarantined + filtered)
                 || ' ' || (select count(*) from migrate.quarantine)
                 || ' ' || (select count(*) from migrate.step where not done)",
        );
        assert_eq!(
            open, "0 0 0 0 0",
            "{self}: runs, chunks, sums, quarantine, steps that are not right"
        );
    }
}
