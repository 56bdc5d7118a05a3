//! What Django brings along.

use super::table::{Table, list, table};

const PASSWORD: &str = "case when g % 2 = 1
            then 'pbkdf2_sha256$260000$saltForDemo2024xyzABC$sJebAXaHy0aeG6rylK/XcYxxckhBfvok70EBx3Kd7j4='
            else 'bcrypt$$2b$10$abcdefghijklmnopqrstuueDvyQEJwaVzuCubTZbP.WC5BD7FjY06' end";

pub(super) fn tables() -> Vec<Table> {
    vec![
        list("django_content_type", 0)
            .column("app_label varchar(100) not null", "'dispatch'")
            .column("model varchar(100) not null", "'model' || g")
            .then("alter table $t add constraint $t_app_label_model_76bd3d3b_uniq unique (app_label, model)"),
        table("auth_user", 200)
            .column("password varchar(128) not null", PASSWORD)
            .column("last_login timestamptz null", "case when g % 3 > 0 then timestamptz '2024-01-01 08:00:00.123456+02' + g * interval '37 minutes' end")
            .column("is_superuser boolean not null", "g = 1")
            .column("username varchar(150) not null unique", "'user' || g")
            .column("first_name varchar(150) not null", "(array['Ada', 'José', 'Zoë', 'Łukasz', ''])[1 + g % 5]")
            .column("last_name varchar(150) not null", "'Name ' || g")
            .column("email varchar(254) not null", "case when g % 50 = 0 then '' else 'user' || g || '@example.com' end")
            .column("is_staff boolean not null", "g % 10 = 1")
            .column("is_active boolean not null", "g % 20 <> 0")
            .column("date_joined timestamptz not null", "timestamptz '2019-03-31 01:59:59+01' + g * interval '1 day'"),
        list("auth_group", 5).column("name varchar(150) not null unique", "'group ' || g"),
        list("auth_permission", 60)
            .column("name varchar(255) not null", "'Can do ' || g")
            .column("codename varchar(100) not null", "'do_' || g")
            .to("content_type_id", "django_content_type"),
        table("auth_user_groups", 200)
            .to("user_id", "auth_user")
            .to("group_id", "auth_group"),
        list("auth_group_permissions", 30)
            .to("group_id", "auth_group")
            .to("permission_id", "auth_permission"),
        table("auth_user_user_permissions", 40)
            .to("user_id", "auth_user")
            .to("permission_id", "auth_permission"),
        table("django_admin_log", 200)
            .column("action_time timestamptz not null", "timestamptz '2024-05-01+00' + g * interval '1 hour'")
            .column("object_id text null", "g::text")
            .column("object_repr varchar(200) not null", "'Object ' || g")
            .column("action_flag smallint not null check (action_flag >= 0)", "1 + g % 3")
            .column("change_message text not null", "'[{\"changed\": {\"fields\": [\"Name\"]}}]'")
            .maybe("content_type_id", "django_content_type")
            .to("user_id", "auth_user"),
        list("django_migrations", 40)
            .column("app varchar(255) not null", "'dispatch'")
            .column("name varchar(255) not null", "lpad(g::text, 4, '0') || '_auto'")
            .column("applied timestamptz not null", "timestamptz '2022-01-01+00' + g * interval '9 days'"),
    ]
}
