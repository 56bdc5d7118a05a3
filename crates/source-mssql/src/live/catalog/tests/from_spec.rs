//! What a server would answer about a database that the test kit describes.

use std::collections::HashMap;

use migrate_testkit::bacpac::{
    ColumnSpec, DatabaseSpec, IndexColumn, KeySpec, ReferentialAction, SqlType, TableSpec,
};

use crate::live::catalog::questions::{
    CheckRow, ColumnRow, DatabaseRow, ForeignKeyRow, IndexColumnRow, IndexRow, ModuleRow, PropertyRow,
    Recording, SchemaRow, SequenceRow, SizeRow, TableRow, TypeRow,
};

/// The type that the server states for a computed column, and whether it can be NULL.
pub(super) type Computed = HashMap<(&'static str, &'static str), (SqlType, bool)>;

/// The answers. Numbers of objects are handed out from 100.
pub(super) fn recording(spec: &DatabaseSpec, computed: &Computed) -> Recording {
    let mut recording = Recording {
        database: DatabaseRow {
            version: "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)\n\tOct 8 2022".into(),
            product_version: Some("16.0.1000.6".into()),
            engine_edition: Some(3),
            database_name: spec.name.clone(),
            collation_name: Some(spec.collation.clone()),
            snapshot_isolation_state: Some(1),
            updateability: Some("READ_WRITE".into()),
            user_name: Some("migrator".into()),
            may_view_definitions: Some(1),
            may_view_state: Some(1),
            may_unmask: Some(1),
            ..DatabaseRow::default()
        },
        ..Recording::default()
    };
    let built_in = [
        "dbo",
        "guest",
        "INFORMATION_SCHEMA",
        "sys",
        "db_owner",
        "db_datareader",
    ];
    for name in built_in
        .into_iter()
        .chain(spec.schemas.iter().map(String::as_str))
    {
        recording.schemas.push(SchemaRow {
            schema_id: 0,
            name: name.to_owned(),
        });
    }
    for alias in &spec.alias_types {
        let (base, length, precision, scale) = declared(&alias.base);
        recording.types.push(TypeRow {
            user_type_id: 257,
            schema_name: alias.schema.clone(),
            name: alias.name.clone(),
            base_name: Some(base.to_owned()),
            max_length: length,
            precision,
            scale,
            ..TypeRow::default()
        });
    }
    let ids: HashMap<(&str, &str), i64> = (100..)
        .zip(&spec.tables)
        .map(|(id, t)| ((t.schema.as_str(), t.name.as_str()), id))
        .collect();
    for table in &spec.tables {
        let id = ids[&(table.schema.as_str(), table.name.as_str())];
        Adding {
            spec,
            table,
            id,
            ids: &ids,
            recording: &mut recording,
        }
        .table(computed);
    }
    sequences(spec, &mut recording);
    modules(spec, &mut recording);
    for item in &spec.descriptions {
        let parts: Vec<String> = item.host[1..item.host.len() - 1]
            .split("].[")
            .map(str::to_owned)
            .collect();
        let kind = match item.host_kind.as_str() {
            "SqlView" => "V",
            "SqlProcedure" => "P",
            "SqlConstraint" => "C",
            "SqlIndexBase" => "U",
            other => panic!("{other} is not known here"),
        };
        recording.properties.push(PropertyRow {
            class: if item.host_kind == "SqlIndexBase" { 7 } else { 1 },
            name: "MS_Description".into(),
            text: Some(item.text.clone()),
            object_kind: Some(kind.into()),
            schema_name: parts.first().cloned(),
            object_name: parts.get(1).cloned(),
            member_name: parts.get(2).cloned(),
            ..PropertyRow::default()
        });
    }
    recording
}

struct Adding<'a> {
    spec: &'a DatabaseSpec,
    table: &'a TableSpec,
    id: i64,
    ids: &'a HashMap<(&'a str, &'a str), i64>,
    recording: &'a mut Recording,
}

impl Adding<'_> {
    fn table(&mut self, computed: &Computed) {
        let table = self.table;
        self.recording.tables.push(TableRow {
            object_id: self.id,
            schema_name: table.schema.clone(),
            name: table.name.clone(),
            may_select: true,
            ..TableRow::default()
        });
        self.recording.sizes.push(SizeRow {
            object_id: self.id,
            row_count: Some(7),
            byte_count: Some(8192),
        });
        for (place, column) in (1..).zip(&table.columns) {
            let stated = computed.get(&(leaked(&table.name), leaked(&column.name)));
            self.column(place, column, stated);
        }
        if let Some(text) = &table.description {
            self.describe(None, text);
        }
        let keys = table.primary_key.iter().map(|k| (k, true));
        for (number, (key, primary)) in (1..).zip(keys.chain(table.unique.iter().map(|k| (k, false)))) {
            self.key(number, key, primary);
        }
        for (number, index) in (50..).zip(&table.indexes) {
            self.recording.indexes.push(IndexRow {
                object_id: self.id,
                index_id: number,
                name: Some(index.name.clone()),
                kind: if index.clustered { 1 } else { 2 },
                is_unique: index.unique,
                has_filter: index.filter.is_some(),
                filter_definition: index.filter.clone(),
                ..IndexRow::default()
            });
            self.index_columns(number, &index.columns, &index.include);
        }
        self.foreign_keys();
        for check in &table.checks {
            self.recording.checks.push(CheckRow {
                object_id: self.id,
                name: check.name.clone(),
                definition: Some(check.expression.clone()),
                is_disabled: check.disabled,
                is_not_trusted: check.not_trusted,
                ..CheckRow::default()
            });
        }
    }

    fn column(&mut self, place: i64, column: &ColumnSpec, computed: Option<&(SqlType, bool)>) {
        let (ty, nullable) = match computed {
            Some((ty, nullable)) => (ty, *nullable),
            None => (&column.ty, column.nullable),
        };
        let alias = match ty {
            SqlType::Alias(schema, name) => {
                let same = |a: &&migrate_testkit::bacpac::AliasType| &a.schema == schema && &a.name == name;
                Some(self.spec.alias_types.iter().find(same).unwrap())
            }
            _ => None,
        };
        let (base, max_length, precision, scale) = declared(alias.map_or(ty, |a| &a.base));
        let text = matches!(
            base,
            "char" | "varchar" | "text" | "nchar" | "nvarchar" | "ntext" | "sysname"
        );
        let collation = column.collation.as_ref().unwrap_or(&self.spec.collation);
        let system = matches!(base, "hierarchyid" | "geometry" | "geography");
        self.recording.columns.push(ColumnRow {
            object_id: self.id,
            column_id: place,
            name: column.name.clone(),
            type_schema: alias.map_or("sys", |a| &a.schema).to_owned(),
            type_name: alias.map_or(base, |a| &a.name).to_owned(),
            is_user_defined: alias.is_some(),
            is_assembly_type: system,
            base_name: (!system).then(|| if base == "sysname" { "nvarchar" } else { base }.to_owned()),
            max_length,
            precision,
            scale,
            is_nullable: nullable,
            collation_name: text.then(|| collation.clone()),
            is_computed: column.computed.is_some(),
            computed: column.computed.as_ref().map(|(text, _)| text.clone()),
            is_persisted: column.computed.as_ref().is_some_and(|(_, persisted)| *persisted),
            is_identity: column.identity.is_some(),
            seed: column.identity.map(|i| i.seed.to_string()),
            increment: column.identity.map(|i| i.increment.to_string()),
            last: column.identity.and_then(|i| i.last).map(|l| l.to_string()),
            has_default: column.default.is_some(),
            default_name: column.default.as_ref().map(|(name, _)| name.clone()),
            default_definition: column.default.as_ref().map(|(_, text)| text.clone()),
            ..ColumnRow::default()
        });
        if let Some(text) = &column.description {
            self.describe(Some(&column.name), text);
        }
    }

    fn describe(&mut self, column: Option<&str>, text: &str) {
        self.recording.properties.push(PropertyRow {
            class: 1,
            name: "MS_Description".into(),
            text: Some(text.to_owned()),
            object_kind: Some("U ".into()),
            schema_name: Some(self.table.schema.clone()),
            object_name: Some(self.table.name.clone()),
            member_name: column.map(str::to_owned),
            ..PropertyRow::default()
        });
    }

    fn key(&mut self, number: i64, key: &KeySpec, primary: bool) {
        self.recording.indexes.push(IndexRow {
            object_id: self.id,
            index_id: number,
            name: Some(key.name.clone()),
            kind: if key.clustered { 1 } else { 2 },
            is_unique: true,
            is_primary_key: primary,
            is_unique_constraint: !primary,
            ..IndexRow::default()
        });
        self.index_columns(number, &key.columns, &[]);
    }

    fn index_columns(&mut self, index_id: i64, keys: &[IndexColumn], include: &[String]) {
        let row = |place: i64, name: &str| IndexColumnRow {
            object_id: self.id,
            index_id,
            index_column_id: place,
            column_name: name.to_owned(),
            ..IndexColumnRow::default()
        };
        let mut rows = Vec::new();
        for (place, key) in (1..).zip(keys) {
            rows.push(IndexColumnRow {
                key_ordinal: place,
                is_descending: key.descending,
                ..row(place, &key.name)
            });
        }
        for (place, name) in (50..).zip(include) {
            rows.push(IndexColumnRow {
                is_included: true,
                ..row(place, name)
            });
        }
        // The server's order is nobody's promise.
        rows.reverse();
        self.recording.index_columns.extend(rows);
    }

    fn foreign_keys(&mut self) {
        for (number, key) in (0..).zip(&self.table.foreign_keys) {
            for (place, (own, other)) in (1..).zip(key.columns.iter().zip(&key.to_columns)) {
                self.recording.foreign_keys.push(ForeignKeyRow {
                    constraint_id: self.id * 1000 + number,
                    name: key.name.clone(),
                    is_unnamed: false,
                    object_id: self.id,
                    referenced_object_id: self.ids[&(key.to.0.as_str(), key.to.1.as_str())],
                    referenced_schema: key.to.0.clone(),
                    referenced_table: key.to.1.clone(),
                    delete_action: action(key.on_delete),
                    update_action: action(key.on_update),
                    is_disabled: key.disabled,
                    is_not_trusted: key.not_trusted,
                    ordinal: place,
                    column_name: own.clone(),
                    referenced_column: other.clone(),
                });
            }
        }
    }
}

fn action(action: ReferentialAction) -> i64 {
    match action {
        ReferentialAction::NoAction => 0,
        ReferentialAction::Cascade => 1,
        ReferentialAction::SetNull => 2,
        ReferentialAction::SetDefault => 3,
    }
}

fn sequences(spec: &DatabaseSpec, recording: &mut Recording) {
    for sequence in &spec.sequences {
        let (base, _, precision, _) = declared(&sequence.ty);
        let (lowest, highest) = match sequence.ty {
            SqlType::TinyInt => ("0".to_owned(), "255".to_owned()),
            SqlType::SmallInt => (i16::MIN.to_string(), i16::MAX.to_string()),
            SqlType::Int => (i32::MIN.to_string(), i32::MAX.to_string()),
            SqlType::BigInt => (i64::MIN.to_string(), i64::MAX.to_string()),
            SqlType::Decimal(precision, 0) => {
                let nines = "9".repeat(precision.into());
                (format!("-{nines}"), nines)
            }
            ref other => panic!("{other:?} is no type for a sequence"),
        };
        recording.sequences.push(SequenceRow {
            schema_name: sequence.schema.clone(),
            name: sequence.name.clone(),
            type_name: base.to_owned(),
            base_name: Some(base.to_owned()),
            precision,
            start_value: Some(sequence.start.to_string()),
            increment: Some(sequence.increment.to_string()),
            minimum_value: Some(sequence.minimum.map_or(lowest, |n| n.to_string())),
            maximum_value: Some(sequence.maximum.map_or(highest, |n| n.to_string())),
            is_cycling: sequence.cycle,
            current_value: Some(sequence.current.unwrap_or(sequence.start).to_string()),
            last_used_value: sequence.current.map(|n| n.to_string()),
            knows_last_used: true,
        });
    }
}

fn modules(spec: &DatabaseSpec, recording: &mut Recording) {
    let mut id = 1_000_000;
    let mut module = |schema: &str, name: &str, kind: &str, header: &str, body: &str| {
        id += 1;
        let text = format!("{header}{body}").replace('\n', "\r\n");
        recording.modules.push(ModuleRow {
            object_id: id,
            schema_name: Some(schema.to_owned()),
            name: name.to_owned(),
            kind: kind.to_owned(),
            definition: Some(text),
            ..ModuleRow::default()
        });
        id
    };
    for p in &spec.procedures {
        module(&p.schema, &p.name, "P ", &p.header, &p.body);
    }
    for f in &spec.functions {
        module(&f.schema, &f.name, "FN", &f.header, &f.body);
    }
    for t in &spec.triggers {
        module(&t.schema, &t.name, "TR", &t.header, &t.body);
    }
    let mut columns = Vec::new();
    for view in &spec.views {
        let object_id = module(&view.schema, &view.name, "V ", &view.header, &view.query);
        for (place, (name, _)) in (1..).zip(&view.columns) {
            columns.push(ColumnRow {
                object_id,
                column_id: place,
                name: name.clone(),
                type_name: "int".into(),
                ..ColumnRow::default()
            });
        }
    }
    recording.columns.extend(columns);
}

/// `sys.columns` about a type: its name, bytes, precision and scale.
fn declared(ty: &SqlType) -> (&'static str, i64, i64, i64) {
    let bytes = |n: &Option<u16>, width: i64| n.map_or(-1, |n| i64::from(n) * width);
    match ty {
        SqlType::TinyInt => ("tinyint", 1, 3, 0),
        SqlType::SmallInt => ("smallint", 2, 5, 0),
        SqlType::Int => ("int", 4, 10, 0),
        SqlType::BigInt => ("bigint", 8, 19, 0),
        SqlType::Bit => ("bit", 1, 1, 0),
        SqlType::Real => ("real", 4, 24, 0),
        SqlType::Float => ("float", 8, 53, 0),
        SqlType::Decimal(p, s) => ("decimal", 17, (*p).into(), (*s).into()),
        SqlType::Numeric(p, s) => ("numeric", 17, (*p).into(), (*s).into()),
        SqlType::Money => ("money", 8, 19, 4),
        SqlType::SmallMoney => ("smallmoney", 4, 10, 4),
        SqlType::Date => ("date", 3, 10, 0),
        SqlType::Time(s) => ("time", 5, 16, (*s).into()),
        SqlType::DateTime => ("datetime", 8, 23, 3),
        SqlType::SmallDateTime => ("smalldatetime", 4, 16, 0),
        SqlType::DateTime2(s) => ("datetime2", 8, 27, (*s).into()),
        SqlType::DateTimeOffset(s) => ("datetimeoffset", 10, 34, (*s).into()),
        SqlType::Char(n) => ("char", (*n).into(), 0, 0),
        SqlType::VarChar(n) => ("varchar", bytes(n, 1), 0, 0),
        SqlType::NChar(n) => ("nchar", i64::from(*n) * 2, 0, 0),
        SqlType::NVarChar(n) => ("nvarchar", bytes(n, 2), 0, 0),
        SqlType::Text => ("text", 16, 0, 0),
        SqlType::NText => ("ntext", 16, 0, 0),
        SqlType::Image => ("image", 16, 0, 0),
        SqlType::Binary(n) => ("binary", (*n).into(), 0, 0),
        SqlType::VarBinary(n) => ("varbinary", bytes(n, 1), 0, 0),
        SqlType::UniqueIdentifier => ("uniqueidentifier", 16, 0, 0),
        SqlType::RowVersion | SqlType::Timestamp => ("timestamp", 8, 0, 0),
        SqlType::Xml => ("xml", -1, 0, 0),
        SqlType::SqlVariant => ("sql_variant", 8016, 0, 0),
        SqlType::HierarchyId => ("hierarchyid", 892, 0, 0),
        SqlType::Geography => ("geography", -1, 0, 0),
        SqlType::Geometry => ("geometry", -1, 0, 0),
        SqlType::SysName => ("sysname", 256, 0, 0),
        SqlType::Alias(..) => panic!("an alias of an alias"),
    }
}

/// Keys of the table of computed columns are `&'static str`; the few names of a test may stay in memory.
fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}
