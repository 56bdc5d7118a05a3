//! The binary as a user meets it, as far as that needs no server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn migrate(args: &[&str]) -> Output {
    command(args)
        .output()
        .expect("the binary was built for this test")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    for name in [
        "MIGRATE_TO",
        "DATABASE_URL",
        "MIGRATE_DATA_DIR",
        "PGHOST",
        "PGPASSWORD",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command.args(args);
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output is UTF-8")
}

fn demo(dir: &Path) -> PathBuf {
    let path = dir.join("crm.bacpac");
    let output = migrate(&[
        "demo",
        "--extract",
        path.to_str().expect("temporary directories have plain names"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    path
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let output = migrate(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for command in [
        "inspect",
        "plan",
        "run",
        "validate",
        "status",
        "clean",
        "demo",
        "db",
        "completions",
    ] {
        assert!(
            text.lines().any(|l| l.trim_start().starts_with(command)),
            "{command} is missing in\n{text}"
        );
        assert_eq!(migrate(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "130"] {
        assert!(
            text.lines()
                .any(|l| l.trim_start().starts_with(&format!("{code} "))),
            "{code} is missing in\n{text}"
        );
    }
    assert_eq!(migrate(&[]).status.code(), Some(2));
    assert_eq!(migrate(&["--version"]).status.code(), Some(0));
}

#[test]
fn help_shows_no_value_of_the_environment() {
    let output = command(&["run", "--help"])
        .env("MIGRATE_TO", "postgres://u:hunter2@h/d")
        .env("MIGRATE_DATA_DIR", "/hunter2")
        .output()
        .unwrap();
    let text = stdout(&output);
    assert!(
        text.contains("MIGRATE_TO") && text.contains("MIGRATE_DATA_DIR"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn completions_are_scripts() {
    for (shell, expected) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef migrate"),
        ("fish", "complete -c migrate"),
    ] {
        let output = migrate(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains(expected), "{shell}");
    }
    assert_eq!(migrate(&["completions", "cobol"]).status.code(), Some(2));
}

#[test]
fn sources_that_cannot_be_read_end_with_4() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = std::fs::read(demo(dir.path())).unwrap();
    for source in [
        dir.path().join("none.bacpac").to_str().unwrap().to_owned(),
        "mysql://sa:hunter2@h/d".to_owned(),
        path("empty.bacpac", b""),
        path("text.bacpac", b"not a zip at all"),
        path("cut.bacpac", &whole[..whole.len() / 2]),
        path("notes.txt", b"hello"),
    ] {
        for command in ["inspect", "plan", "run"] {
            let output = migrate(&[command, &source]);
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(4), "{command} {source}: {text}");
            assert!(text.starts_with("error: "), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn destinations_that_cannot_be_reached_end_with_5_and_tell_no_password() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    // Nothing listens on port 1, and who does is no PostgreSQL.
    let url = "postgres://app:hunter2@127.0.0.1:1/shop?connect_timeout=5";
    let output = command(&["run", source.to_str().unwrap()])
        .env("MIGRATE_TO", url)
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(
        text.contains("MIGRATE_TO") && text.contains("127.0.0.1:1/shop"),
        "{text}"
    );
    let json = migrate(&["run", source.to_str().unwrap(), "--to", url, "--json"]);
    let lines: Vec<serde_json::Value> = stderr(&json)
        .lines()
        .map(|l| serde_json::from_str(l).expect("each line is JSON"))
        .collect();
    assert_eq!(json.status.code(), Some(5));
    assert_eq!(lines[0]["event"], "warning");
    assert_eq!(lines[1]["event"], "error");
    assert_eq!(lines[1]["exit_code"], 5);
    for output in [&output, &json] {
        assert!(!stderr(output).contains("hunter2") && !stdout(output).contains("hunter2"));
    }
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "no report of a run that did not begin"
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    let source = source.to_str().unwrap();
    let report = dir.path().join("none/report.json");
    let missing = dir.path().join("no-cluster");
    for args in [
        vec!["run"],
        vec!["run", source, "--jobs", "0"],
        vec!["run", source, "--to", "postgres://h/d", "--embedded"],
        vec!["run", source, "--to", "hunter2"],
        vec!["run", source, "--report", report.to_str().unwrap()],
        vec!["plan", source, "--include", "nothing.*"],
        vec!["plan", source, "--schema", "dbo"],
        vec!["plan", source, "--naming", "camel"],
        vec!["status", "--data-dir", missing.to_str().unwrap()],
        vec!["validate", "--data-dir", missing.to_str().unwrap()],
        vec!["db", "url", "--data-dir", missing.to_str().unwrap()],
        vec!["inspect", dir.path().to_str().unwrap()],
    ] {
        let output = migrate(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
    assert!(!missing.exists(), "looking must not make a cluster");
}

#[test]
fn a_plan_file_says_what_the_flags_said() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    let plan = dir.path().join("plan.toml");
    let (source, file) = (source.to_str().unwrap(), plan.to_str().unwrap());
    let flags = [
        "--naming",
        "snake",
        "--nul",
        "strip",
        "--exclude",
        "dbo.Lead",
        "--schema",
        "dbo=crm",
        "--json",
    ];
    let by_flags = migrate(&[&["plan", source, "-o", file][..], &flags[..]].concat());
    assert_eq!(by_flags.status.code(), Some(0), "{}", stderr(&by_flags));
    let by_file = migrate(&["plan", file, "--json"]);
    assert_eq!(by_file.status.code(), Some(0), "{}", stderr(&by_file));
    assert_eq!(stdout(&by_flags), stdout(&by_file));
    let value: serde_json::Value = serde_json::from_str(&stdout(&by_file)).unwrap();
    assert_eq!(value["summary"]["creates"]["table"], 9);
    assert_eq!(value["plan"]["tables"][0]["target"]["schema"], "crm");

    let text = std::fs::read_to_string(&plan).unwrap();
    assert!(
        text.contains("\nsource = \"crm.bacpac\"\n"),
        "the source is named as seen from the file"
    );
    for line in [
        "naming = \"snake\"",
        "nul = \"strip\"",
        "exclude = [\"dbo.Lead\"]",
        "dbo = \"crm\"",
        "# dbo.Lead",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing");
    }
    let again = migrate(&["plan", source, "-o", file]);
    assert_eq!(
        again.status.code(),
        Some(2),
        "an existing plan is not overwritten"
    );
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), text);
    assert_eq!(
        migrate(&["plan", source, "-o", file, "--force"]).status.code(),
        Some(0)
    );
    assert_ne!(std::fs::read_to_string(&plan).unwrap(), text);
}

#[test]
fn a_plan_file_for_another_schema_is_refused_with_what_changed() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    let plan = dir.path().join("plan.toml");
    let file = plan.to_str().unwrap();
    assert_eq!(
        migrate(&["plan", source.to_str().unwrap(), "-o", file])
            .status
            .code(),
        Some(0)
    );
    let text = std::fs::read_to_string(&plan).unwrap();
    let line = text.lines().find(|l| l.starts_with("catalog = ")).unwrap();
    let stale = text.replace(line, "catalog = \"00000000000000000000000000000000\"");
    // As if the source had not had one of its tables then, and another table in another shape.
    let at = stale.find("[tables.\"dbo.Lead\"]").unwrap();
    let stale = format!(
        "{}{}",
        &stale[..at],
        stale[at..].replace("schema fingerprint ", "was ")
    );
    let changed = {
        let at = stale.find("[tables.\"dbo.User\"]").unwrap();
        let place = at + stale[at..].find("schema fingerprint ").unwrap() + "schema fingerprint ".len();
        format!("{}0000000000000000{}", &stale[..place], &stale[place + 16..])
    };
    std::fs::write(&plan, &changed).unwrap();
    let output = migrate(&["plan", file]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.contains("table dbo.User has changed") && text.contains("table dbo.Lead is new"),
        "{text}"
    );
}

#[test]
fn sql_is_printed_alone() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    let output = migrate(&["plan", source.to_str().unwrap(), "--sql"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sql = stdout(&output);
    assert_eq!(sql.matches("create table ").count(), 10);
    assert!(
        sql.contains("create unique index") || sql.contains("create index"),
        "{sql}"
    );
    assert!(sql.trim_end().ends_with(';'));
}

#[test]
fn inspect_has_a_form_for_people_and_one_for_machines() {
    let dir = tempfile::tempdir().unwrap();
    let source = demo(dir.path());
    let source = source.to_str().unwrap();
    let text = stdout(&migrate(&["inspect", source]));
    assert!(
        text.contains("dbo.Organization") && text.contains("60,220 rows"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no colours in a pipe");
    assert!(stdout(&migrate(&["inspect", source, "--color", "always"])).contains('\x1b'));
    let value: serde_json::Value =
        serde_json::from_str(&stdout(&migrate(&["inspect", source, "--json"]))).unwrap();
    assert_eq!(value["rows"], 60_220);
    assert_eq!(value["catalog"]["tables"].as_array().unwrap().len(), 10);
    assert_eq!(value["fingerprint"].as_str().unwrap().len(), 32);
}
