//! Old keys to new: the same rows, joined by new keys as they were by the old ones.

use std::path::Path;

use migrate_testkit::bacpac::{
    BacpacWriter, Cell, ColumnSpec, DatabaseSpec, ForeignKeySpec, Options, SqlType, TableSpec,
};

use crate::cli::{Folder, migrate};
use crate::server::{Database, both, newest};

const INCOMPLETE: i32 = 3;

fn id(name: &str) -> ColumnSpec {
    ColumnSpec::new(name, SqlType::Int).not_null()
}

fn reference(name: &str, column: &str, table: &str) -> ForeignKeySpec {
    ForeignKeySpec::new(name, &[column], "dbo", table, &["Id"])
}

/// Offices, doctors with chiefs, visits whose key is a doctor and a number, and a log that refers to both by a pair of columns.
/// `lost` is an office that does not exist, where a doctor works.
fn clinic(path: &Path, lost: bool) {
    let office = TableSpec::new("dbo", "Office")
        .column(id("Id").identity(1, 1, Some(20)))
        .column(ColumnSpec::new("Name", SqlType::NVarChar(Some(30))))
        .primary_key("PK_Office", &["Id"]);
    let doctor = TableSpec::new("dbo", "Doctor")
        .column(id("Id").identity(1, 1, Some(300)))
        .column(id("OfficeId"))
        .column(ColumnSpec::new("ChiefId", SqlType::Int))
        .primary_key("PK_Doctor", &["Id"])
        .foreign_key(reference("FK_Doctor_Office", "OfficeId", "Office"))
        .foreign_key(reference("FK_Doctor_Chief", "ChiefId", "Doctor"));
    let visit = TableSpec::new("dbo", "Visit")
        .column(id("DoctorId"))
        .column(id("Number"))
        .primary_key("PK_Visit", &["DoctorId", "Number"])
        .foreign_key(reference("FK_Visit_Doctor", "DoctorId", "Doctor"));
    let log = TableSpec::new("dbo", "Log")
        .column(ColumnSpec::new("ObjectType", SqlType::NVarChar(Some(10))))
        .column(ColumnSpec::new("ObjectId", SqlType::NVarChar(Some(20))))
        .column(ColumnSpec::new("By", SqlType::Int));
    let database = DatabaseSpec::new("Clinic")
        .table(office)
        .table(doctor)
        .table(visit)
        .table(log);
    let mut file = BacpacWriter::create(path, database, Options::default()).unwrap();
    let offices = (1..=20).map(|n| [Cell::Int(n), Cell::text(format!("office {n}"))]);
    file.table_rows("dbo", "Office", 7, offices).unwrap();
    let doctors = (1..=300_i64).map(|n| {
        let chief = if n % 10 == 1 {
            Cell::Null
        } else {
            Cell::Int((n - 1) / 10 * 10 + 1)
        };
        let office = if lost && n == 250 { 21 } else { 1 + n % 20 };
        [Cell::Int(n), Cell::Int(office), chief]
    });
    file.table_rows("dbo", "Doctor", 50, doctors).unwrap();
    let visits = (0..2000_i64).map(|n| [Cell::Int(1 + n % 300), Cell::Int(n / 300)]);
    file.table_rows("dbo", "Visit", 500, visits).unwrap();
    let logs = (0..400_i64).map(|n| match n % 4 {
        0 => [
            Cell::text("office"),
            Cell::text((1 + n % 20).to_string()),
            Cell::Int(1 + n % 300),
        ],
        1 => [
            Cell::text("doctor"),
            Cell::text((1 + n % 300).to_string()),
            Cell::Null,
        ],
        2 => [Cell::text("nothing"), Cell::text("x"), Cell::Null],
        _ => [Cell::Null, Cell::Null, Cell::Null],
    });
    file.table_rows("dbo", "Log", 100, logs).unwrap();
    file.finish().unwrap();
}

fn plan(folder: &Folder, keys: &str) {
    let text = format!(
        "source = \"clinic.bacpac\"\nkeys = {keys}\nlegacy = \"all\"\nnaming = \"snake\"\n[schemas]\ndbo = \"public\"\n\
         [tables.\"dbo.Log\"]\n\
         columns.By = {{ references = \"dbo.Doctor\", foreign_key = true }}\n\
         polymorphic = [{{ type = \"ObjectType\", id = \"ObjectId\", targets = {{ office = \"dbo.Office\", doctor = \"dbo.Doctor\" }} }}]\n"
    );
    std::fs::write(folder.file("plan.toml"), text).unwrap();
}

#[test]
fn joins_over_new_keys_are_those_over_old_ones() {
    for cluster in both() {
        let (folder, database) = (Folder::new(), Database::new(&cluster));
        clinic(&folder.file("clinic.bacpac"), false);
        plan(&folder, "\"uuid\"");
        migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
        let types = database.sql(
            "select string_agg(column_name || ' ' || data_type, ', ' order by ordinal_position)
             from information_schema.columns where table_schema = 'public' and table_name = 'doctor'",
        );
        assert_eq!(
            types,
            "id uuid, legacy_id integer, office_id uuid, legacy_office_id integer, chief_id uuid, legacy_chief_id integer"
        );
        for (query, rows) in [
            ("office o join doctor d on o.id = d.office_id", 300),
            ("office o join doctor d on o.id = d.office_id and o.legacy_id = d.legacy_office_id", 300),
            ("doctor c join doctor d on c.id = d.chief_id and c.legacy_id = d.legacy_chief_id", 270),
            ("doctor where (chief_id is null) = (legacy_chief_id is null)", 300),
            ("doctor d join visit v on d.id = v.doctor_id and d.legacy_id = v.legacy_doctor_id", 2000),
            ("log l join office o on o.id = l.object_office_id and o.legacy_id::text = l.object_id", 100),
            ("log l join doctor d on d.id = l.object_doctor_id and d.legacy_id::text = l.object_id", 100),
            ("log l join doctor d on d.id = l.by and d.legacy_id = l.legacy_by", 100),
            ("log where object_office_id is null and object_doctor_id is null", 200),
            ("pg_constraint where contype = 'f' and convalidated and connamespace = 'public'::regnamespace", 6),
            ("migrate.mapping m join office o on m.new_key = o.id::text and m.legacy_key = o.legacy_id::text
              where m.source_table = 'dbo.Office'", 20),
            ("migrate.mapping", 320),
        ] {
            assert_eq!(database.number(&format!("select count(*) from {query}")), rows, "{query}");
        }
        // New rows get new keys, and no old ones.
        database.sql("insert into office (name) values ('new')");
        assert_eq!(
            database.number("select count(*) from office where legacy_id is null and id is not null"),
            1
        );
        database.sql("delete from office where legacy_id is null");
        // What is proven is what stands there now; the source says the same.
        migrate(&folder, ["validate", "clinic.bacpac"])
            .to(&database)
            .ends(0);
    }
}

/// The functions of uuid-ossp give the same keys.
#[test]
fn anybody_can_compute_them() {
    let (folder, database) = (Folder::new(), Database::new(&crate::server::oldest()));
    clinic(&folder.file("clinic.bacpac"), false);
    plan(&folder, "\"uuid\"");
    migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
    database.sql("create extension \"uuid-ossp\"");
    let wrong = database.number(
        "select count(*)
         from doctor, uuid_generate_v5(uuid_ns_dns(), 'migrate.mapping') as migration (id),
              uuid_generate_v5(migration.id, 'dbo.Doctor') as doctors (id)
         where doctor.id <> uuid_generate_v5(doctors.id, legacy_id::text)",
    );
    assert_eq!(wrong, 0);
    let same = database.number(
        "select count(*) from doctor where id = uuid_generate_v5(uuid_generate_v5(\
        'b09a4232-da9c-580d-9587-df789e57bcfb', 'dbo.Doctor'), legacy_id::text)",
    );
    assert_eq!(same, 300);
}

#[test]
fn a_reference_to_nothing_is_named() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    clinic(&folder.file("clinic.bacpac"), true);
    plan(&folder, "\"uuid\"");
    let ended = migrate(&folder, ["run", "plan.toml"])
        .to(&database)
        .ends(INCOMPLETE);
    ended.says(&["fk_doctor_office"]);
    assert_eq!(
        database.number("select legacy_office_id from doctor d where not exists (select from office o where o.id = d.office_id)"),
        21
    );
}

#[test]
fn keys_that_were_given_before_are_taken() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    clinic(&folder.file("clinic.bacpac"), false);
    plan(&folder, "\"uuid\"");
    migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
    let before = database.sql("select string_agg(id::text, ' ' order by id) from doctor");
    let ended = migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(0);
    ended.says(&["Left migrate.mapping"]);
    assert_eq!(database.sql("select string_agg(relname, ' ') from pg_class where relnamespace = 'migrate'::regnamespace and relkind = 'r'"), "mapping");
    migrate(&folder, ["status"])
        .to(&database)
        .ends(0)
        .says(&["No migration"]);
    // One office has another key, and two are not listed.
    database.sql(
        "update migrate.mapping set new_key = '00000000-0000-0000-0000-000000000005'
         where source_table = 'dbo.Office' and legacy_key = '5';
         delete from migrate.mapping where source_table = 'dbo.Office' and legacy_key in ('6', '7')",
    );
    plan(&folder, "{ mapping = \"migrate.mapping\" }");
    let ended = migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
    ended.says(&["id: 2 not in the mapping of keys"]);
    assert_eq!(
        database.sql("select string_agg(id::text, ' ' order by id) from doctor"),
        before
    );
    assert_eq!(
        database.sql("select id from office where legacy_id = 5"),
        "00000000-0000-0000-0000-000000000005"
    );
    assert_eq!(
        database.number("select count(*) from office o join doctor d on o.id = d.office_id"),
        300
    );
    assert_eq!(database.number("select count(*) from migrate.mapping"), 320);
    migrate(&folder, ["validate", "clinic.bacpac"])
        .to(&database)
        .ends(0);
    // A table that lists no keys is refused before anything is written.
    let elsewhere = Database::new(&newest());
    plan(&folder, "{ mapping = \"public.keys\" }");
    migrate(&folder, ["run", "plan.toml"])
        .to(&elsewhere)
        .ends(2)
        .complains(&["public.keys", "legacy_key"]);
}
