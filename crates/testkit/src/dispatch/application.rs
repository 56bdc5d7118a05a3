//! The application's own tables.

use super::table::{Table, list, table};

const CREATED: (&str, &str) = (
    "created_at timestamptz not null",
    "timestamptz '2020-02-29 12:00:00.5+00' + g * interval '11 minutes 7.000001 seconds'",
);
const UPDATED: (&str, &str) = (
    "updated_at timestamptz not null",
    "timestamptz '2023-10-29 00:30:00+00' + g * interval '3 minutes'",
);
const MONEY: &str = "((g * 1237) % 100000) / 100.0";

/// Lists of names, which other tables refer to.
const LISTS: [&str; 20] = [
    "specialty",
    "allergy",
    "material",
    "shade",
    "carrier",
    "country",
    "currency",
    "paymentmethod",
    "ordertype",
    "casestatus",
    "tag",
    "department",
    "unit",
    "taxrate",
    "holiday",
    "language",
    "insurer",
    "referralsource",
    "priority",
    "channel",
];

/// Tables between two others: name, and what they tie.
const TIES: [(&str, &str, &str, &str, &str, u64); 9] = [
    (
        "doctor_offices",
        "doctor_id",
        "dispatch_doctor",
        "office_id",
        "dispatch_office",
        120,
    ),
    (
        "doctor_specialties",
        "doctor_id",
        "dispatch_doctor",
        "specialty_id",
        "dispatch_specialty",
        120,
    ),
    (
        "patient_allergies",
        "patient_id",
        "dispatch_patient",
        "allergy_id",
        "dispatch_allergy",
        400,
    ),
    (
        "case_doctors",
        "case_id",
        "dispatch_case",
        "doctor_id",
        "dispatch_doctor",
        600,
    ),
    (
        "case_tags",
        "case_id",
        "dispatch_case",
        "tag_id",
        "dispatch_tag",
        600,
    ),
    (
        "order_tags",
        "order_id",
        "dispatch_order",
        "tag_id",
        "dispatch_tag",
        800,
    ),
    (
        "product_materials",
        "product_id",
        "dispatch_product",
        "material_id",
        "dispatch_material",
        100,
    ),
    (
        "message_recipients",
        "message_id",
        "dispatch_message",
        "user_id",
        "auth_user",
        1500,
    ),
    (
        "treatmentplan_products",
        "treatmentplan_id",
        "dispatch_treatmentplan",
        "product_id",
        "dispatch_product",
        400,
    ),
];

fn own(name: &str, rows: u64) -> Table {
    table(format!("dispatch_{name}"), rows)
        .column(CREATED.0, CREATED.1)
        .column(UPDATED.0, UPDATED.1)
}

/// A reference to any of three tables, by content type: orders, cases, messages.
fn generic(table: Table, ty: &'static str, id: &'static str) -> Table {
    table
        .column(id, "1 + g % 300")
        .refer("content_type_id", "django_content_type", false, Some(ty))
}

/// The content types of orders, cases and messages, in turn.
const TARGETS: &str = "(select id from django_content_type
        where app_label = 'dispatch' and model = (array['order', 'case', 'message'])[1 + g % 3])";

pub(super) fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    for name in LISTS {
        tables.push(
            list(format!("dispatch_{name}"), 12)
                .column("name varchar(100) not null", "'choice ' || g")
                .column("position smallint not null check (position >= 0)", "g")
                .column("is_active boolean not null", "g % 6 <> 0"),
        );
    }
    tables.extend(people());
    tables.extend(work());
    tables.extend(around());
    for (name, column, to, other, other_to, rows) in TIES {
        tables.push(
            table(format!("dispatch_{name}"), rows)
                .to(column, to)
                .to(other, other_to),
        );
    }
    tables
}

fn people() -> Vec<Table> {
    vec![
        own("office", 20)
            .column("name varchar(200) not null", "'Office ' || g")
            .column(
                "timezone varchar(63) not null",
                "(array['Europe/Berlin', 'America/New_York'])[1 + g % 2]",
            )
            .column(
                "opening_hours jsonb not null",
                "jsonb_build_object('mon', array['08:00', '17:00'], 'no', g, 'b', null)",
            )
            .column(
                "location double precision[] null",
                "case when g % 4 > 0 then array[48.1 + g, 11.5 - g / 3.0] end",
            )
            .to("country_id", "dispatch_country"),
        own("profile", 200)
            .column(
                "phone varchar(32) null",
                "case when g % 3 = 0 then '+49 89 ' || g end",
            )
            .column(
                "preferences jsonb not null",
                "jsonb_build_object('theme', (array['dark', 'light'])[1 + g % 2], 'page', g % 100)",
            )
            .refer("user_id", "auth_user", false, Some("g"))
            .maybe("language_id", "dispatch_language")
            .maybe("office_id", "dispatch_office")
            .then("alter table $t add constraint $t_user_id_key unique (user_id)"),
        own("doctor", 60)
            .column(
                "licence varchar(20) not null unique",
                "'L-' || lpad(g::text, 9, '0')",
            )
            .column("title text not null", "'Dr. ' || g")
            .to("office_id", "dispatch_office")
            .refer("mentor_id", "dispatch_doctor", true, Some("nullif(g / 2, 0)"))
            .maybe("user_id", "auth_user"),
        own("patient", 800)
            .column("name text not null", "'Patient ' || g || ' 😀'")
            .column(
                "birth_date date null",
                "case when g % 9 > 0 then date '1930-01-01' + (g % 30000)::int end",
            )
            .column(
                "weight numeric(5,2) null",
                "case when g % 4 > 0 then 40 + (g % 600) / 10.0 end",
            )
            .to("doctor_id", "dispatch_doctor")
            .maybe("insurer_id", "dispatch_insurer"),
        table("dispatch_consent", 400)
            .column("text text not null", "repeat('I agree. ', 1 + (g % 20)::int)")
            .column("signed_on date not null", "date '2021-01-01' + (g % 900)::int")
            .to("patient_id", "dispatch_patient"),
    ]
}

fn work() -> Vec<Table> {
    vec![
        own("product", 50)
            .column("code varchar(20) not null unique", "'P' || g")
            .column("price numeric(12,2) not null check (price >= 0)", MONEY)
            .column("attributes jsonb null", "case when g % 5 > 0 then jsonb_build_object('size', g % 7, 'tags', jsonb_build_array('a', g)) end")
            .column("codes text[] not null", "array['x' || g, 'y, \"' || g, '']")
            .to("unit_id", "dispatch_unit")
            .to("taxrate_id", "dispatch_taxrate"),
        own("case", 500)
            .column("number varchar(20) not null unique", "'C-' || g")
            .column("due timestamptz null", "case when g % 6 > 0 then timestamptz '2024-06-01 10:00+02' + g * interval '5 hours' end")
            .to("patient_id", "dispatch_patient")
            .to("status_id", "dispatch_casestatus")
            .to("priority_id", "dispatch_priority"),
        own("order", 700)
            .column("reference uuid not null unique", "md5('order ' || g)::uuid")
            .column("total numeric(12,2) not null", MONEY)
            .column("discount numeric(5,4) null", "case when g % 3 = 0 then (g % 10000) / 10000.0 end")
            .column("ship_before interval null", "case when g % 2 = 0 then g % 30 * interval '1 day 2 hours' end")
            .to("case_id", "dispatch_case")
            .to("office_id", "dispatch_office")
            .to("ordertype_id", "dispatch_ordertype")
            .maybe("created_by_id", "auth_user")
            .then("alter table $t add constraint $t_total_check check (total >= 0 and (discount is null or discount < 1))")
            .then("create index $t_open on $t (case_id, updated_at desc) where discount is null"),
        table("dispatch_orderitem", 2500)
            .column("quantity integer not null check (quantity > 0)", "1 + g % 9")
            .column("price numeric(12,2) not null", MONEY)
            .column("note text not null", "case when g % 7 = 0 then E'two\\nlines\\tand a tab' else '' end")
            .to("order_id", "dispatch_order")
            .to("product_id", "dispatch_product")
            .maybe("shade_id", "dispatch_shade"),
        own("treatmentplan", 300)
            .column("steps jsonb not null", "jsonb_build_array(jsonb_build_object('step', 1, 'done', g % 2 = 0), 'x')")
            .to("case_id", "dispatch_case")
            .to("doctor_id", "dispatch_doctor"),
        own("appointment", 900)
            .column("starts_at time not null", "time '08:00' + (g % 36) * interval '15 minutes'")
            .column("day date not null", "date '2024-01-01' + (g % 700)::int")
            .to("patient_id", "dispatch_patient")
            .to("doctor_id", "dispatch_doctor")
            .maybe("office_id", "dispatch_office"),
        own("invoice", 500)
            .column("number bigint not null unique", "2024000000000 + g")
            .to("order_id", "dispatch_order")
            .to("currency_id", "dispatch_currency"),
        table("dispatch_invoiceline", 1500)
            .column("amount numeric(14,4) not null", "((g * 7919) % 100000000) / 10000.0")
            .to("invoice_id", "dispatch_invoice")
            .maybe("orderitem_id", "dispatch_orderitem"),
        own("payment", 400)
            .column("amount numeric(14,2) not null", MONEY)
            .to("invoice_id", "dispatch_invoice")
            .to("method_id", "dispatch_paymentmethod"),
        own("shipment", 400)
            .column("tracking varchar(40) null", "case when g % 8 > 0 then md5(g::text) end")
            .to("order_id", "dispatch_order")
            .to("carrier_id", "dispatch_carrier"),
        table("dispatch_shipmentevent", 1200)
            .column("at timestamptz not null", "timestamptz '2024-03-31 01:30+01' + g * interval '97 seconds'")
            .column("data bytea null", "case when g % 3 > 0 then decode(md5(g::text), 'hex') end")
            .to("shipment_id", "dispatch_shipment"),
    ]
}

fn around() -> Vec<Table> {
    vec![
        own("message", 900)
            .column("subject varchar(200) not null", "'Subject ' || g")
            .column(
                "body text not null",
                "repeat('Text ' || g || '. ', 1 + (g % 30)::int)",
            )
            .column("is_read boolean not null", "g % 2 = 0")
            .to("sender_id", "auth_user")
            .maybe("case_id", "dispatch_case"),
        own("comment", 1500)
            .column("text text not null", "'Comment ' || g")
            .to("author_id", "auth_user")
            .to("case_id", "dispatch_case")
            // Threads: answers come after what they answer.
            .refer("parent_id", "dispatch_comment", true, Some("case when g % 3 <> 1 then g - 1 end")),
        generic(
            own("attachment", 700)
                .column("file varchar(255) not null", "'attachments/' || g || '.stl'")
                .column("size bigint not null", "g * 1000003")
                .maybe("uploaded_by_id", "auth_user"),
            TARGETS,
            "object_id integer not null check (object_id >= 0)",
        ),
        generic(
            table("dispatch_auditlog", 2500)
                .column(
                    "at timestamptz not null",
                    "timestamptz '2024-01-01+00' + g * interval '1.000007 seconds'",
                )
                .column(
                    "changes jsonb not null",
                    "jsonb_build_object('field', 'f' || g % 20, 'from', g - 1, 'to', g)",
                )
                .column(
                    "ip inet null",
                    "case when g % 4 > 0 then ('10.0.' || g % 250 || '.' || g % 200)::inet end",
                )
                .maybe("actor_id", "auth_user"),
            TARGETS,
            "object_id integer not null",
        ),
        own("notification", 800)
            .column("kind varchar(20) not null", "(array['mail', 'push'])[1 + g % 2]")
            .column("payload json not null", "'{\"b\": 1,  \"a\": [1, 2]}'")
            .to("user_id", "auth_user")
            .maybe("channel_id", "dispatch_channel"),
        own("note", 300)
            .column("text text not null", "'Note ' || g")
            .to("patient_id", "dispatch_patient"),
        own("task", 300)
            .column("title varchar(200) not null", "'Task ' || g")
            .column("done boolean not null", "g % 3 = 0")
            .maybe("assignee_id", "auth_user")
            .to("case_id", "dispatch_case"),
        own("setting", 30)
            .column("key varchar(100) not null unique", "'key.' || g")
            .column("value jsonb not null", "to_jsonb(g)")
            .maybe("office_id", "dispatch_office"),
        own("stocklevel", 100)
            .column("quantity numeric not null", "g * 1.5")
            .to("product_id", "dispatch_product")
            .to("office_id", "dispatch_office"),
    ]
}
