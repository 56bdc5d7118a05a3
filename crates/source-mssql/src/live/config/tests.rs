use super::*;

fn environment(name: &str) -> Option<String> {
    match name {
        "MSSQL_PASSWORD" => Some("from-environment".into()),
        "OTHER" => Some("from-other".into()),
        _ => None,
    }
}

fn parsed(text: &str) -> MssqlConfig {
    MssqlConfig::parse_with(&text.to_owned().into(), &environment).unwrap()
}

fn refusal(text: &str) -> Error {
    MssqlConfig::parse_with(&text.to_owned().into(), &|_| None).unwrap_err()
}

fn password(config: &MssqlConfig) -> (&str, &str) {
    match &config.login {
        Login::Password { user, password } => (user, password.expose_secret()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_url_says_where_and_who() {
    let c = parsed("mssql://app:p%40ss%2Fw%23@db.example.com:6000/Shop%20One");
    assert_eq!(c.to_string(), "db.example.com:6000/Shop One");
    assert_eq!(password(&c), ("app", "p@ss/w#"));
    assert_eq!(
        (c.host.as_str(), c.port, c.database.as_deref()),
        ("db.example.com", Some(6000), Some("Shop One"))
    );
    let c = parsed("SQLSERVER://sa:x@[::1]/m");
    assert_eq!((c.host.as_str(), c.port), ("::1", None));
    assert_eq!(c.to_string(), "[::1]:1433/m");
    assert_eq!(parsed("mssql://sa:x@h").to_string(), "h:1433");
    assert_eq!(parsed("mssql://sa:x@h/?instance=SALES").to_string(), "h\\SALES");
    assert_eq!(
        parsed("mssql://sa:x@h/?instance=MSSQLSERVER").to_string(),
        "h:1433"
    );
}

#[test]
fn what_is_not_said_is_safe() {
    let c = parsed("mssql://sa:x@h/db");
    assert_eq!((c.encrypt, &c.trust), (Encrypt::Mandatory, &Trust::System));
    assert_eq!(
        (c.application_name.as_str(), c.read_only_intent),
        ("migrate", false)
    );
    assert_eq!((c.driver, c.packet_size, c.pool_limit), (None, None, 16));
    assert_eq!(c.connect_timeout, Duration::from_secs(15));
    assert_eq!(c.statement_timeout, Some(Duration::from_mins(10)));
}

#[test]
fn every_option_is_heard() {
    let c = parsed(
        "mssql://sa:x@h/db?driver=Tiberius&encrypt=strict&ca=%2Fetc%2Fca.pem&hostname_in_certificate=n&\
         application_name=copy&application_intent=ReadOnly&connect_timeout=3&statement_timeout=0&pool_limit=4&\
         packet_size=8000",
    );
    assert_eq!((c.driver, c.encrypt), (Some(Driver::Tiberius), Encrypt::Strict));
    assert_eq!(c.trust, Trust::CaFile("/etc/ca.pem".into()));
    assert_eq!((c.certificate_name(), c.application_name.as_str()), ("n", "copy"));
    assert!(c.read_only_intent);
    assert_eq!(
        (c.connect_timeout, c.statement_timeout),
        (Duration::from_secs(3), None)
    );
    assert_eq!((c.pool_limit, c.packet_size), (4, Some(8000)));
    assert_eq!(
        parsed("mssql://sa:x@h?driver=mssql-tds").driver,
        Some(Driver::MssqlTds)
    );
    assert_eq!(parsed("mssql://sa:x@h?encrypt=off").encrypt, Encrypt::Optional);
    assert_eq!(
        parsed("mssql://sa:x@h?trust_server_certificate=true").trust,
        Trust::Any
    );
    assert_eq!(
        parsed("mssql://sa:x@h?connect_timeout=0").connect_timeout,
        Duration::from_hours(24)
    );
}

#[test]
fn an_ado_string_says_the_same() {
    let c = parsed(
        "Server=tcp:db.example.com,1500;Initial Catalog=Shop;User ID=app;Password='a;b''c';Encrypt=True;\
         TrustServerCertificate=False;Application Name=\"my \"\"app\"\"\";ApplicationIntent=ReadOnly;Connect Timeout=5;\
         Command Timeout=60;Max Pool Size=3;MultipleActiveResultSets=True;Persist Security Info=False;",
    );
    assert_eq!(c.to_string(), "db.example.com:1500/Shop");
    assert_eq!(password(&c), ("app", "a;b'c"));
    assert_eq!((c.encrypt, &c.trust), (Encrypt::Mandatory, &Trust::System));
    assert_eq!(
        (c.application_name.as_str(), c.read_only_intent),
        ("my \"app\"", true)
    );
    assert_eq!(
        (c.connect_timeout, c.statement_timeout),
        (Duration::from_secs(5), Some(Duration::from_mins(1)))
    );
    assert_eq!(c.pool_limit, 3);
    assert_eq!(c.ignored, ["multipleactiveresultsets", "persistsecurityinfo"]);

    let c = parsed("data source=(local)\\SQLEXPRESS ; database = d ;uid=u;pwd= p w ;driver=tiberius");
    assert_eq!(
        (c.to_string().as_str(), c.instance.as_deref()),
        ("localhost\\SQLEXPRESS/d", Some("SQLEXPRESS"))
    );
    assert_eq!((password(&c), c.driver), (("u", "p w"), Some(Driver::Tiberius)));
    assert_eq!(
        parsed("Server=.;Trusted_Connection=yes").to_string(),
        "localhost:1433"
    );
    assert_eq!(
        parsed("Server=[fe80::1],1434;User Id=u;Password=p").to_string(),
        "[fe80::1]:1434"
    );
    assert!(matches!(
        parsed("Server=h;Integrated Security=SSPI").login,
        Login::Integrated
    ));
    assert!(matches!(
        parsed("Server=h;Authentication=SqlPassword;User Id=u;Password=p").login,
        Login::Password { .. }
    ));
}

#[test]
fn secrets_may_come_from_elsewhere() {
    assert_eq!(password(&parsed("mssql://sa@h/db")), ("sa", "from-environment"));
    assert_eq!(
        password(&parsed("mssql://sa@h/db?password_env=OTHER")),
        ("sa", "from-other")
    );
    let Login::Token(TokenSource::Environment(name)) = parsed("mssql://h/db?token_env=T").login else {
        panic!("a token was asked for")
    };
    assert_eq!(name, "T");
    let Login::Token(TokenSource::Command(command)) = parsed("mssql://h/db?token_command=az+x").login else {
        panic!("a token was asked for")
    };
    assert_eq!(command, "az x");
}

#[test]
fn what_is_wrong_is_named_without_a_secret() {
    for (text, message) in [
        (
            "hunter2",
            "the connection string is neither a URL nor a list of key=value pairs",
        ),
        (
            "postgres://u:hunter2@h/db",
            "the connection string is neither a URL nor a list of key=value pairs",
        ),
        (
            "mssql://u:hunter2/x@h/db",
            "the connection URL has an `@` after its host",
        ),
        ("mssql://u:hunter2@h:port/db", "the connection URL cannot be read"),
        ("mssql://u:hunter2@h/db#x", "the connection URL has a `#` in it"),
        (
            "mssql://u:hunter2@h/db?colour=red",
            "the connection string has an unknown option `colour`",
        ),
        (
            "Server=h;User Id=u;Password=a;hunter2!=b",
            "the connection string has an unknown option",
        ),
        (
            "Server=h;User Id=u;Password='hunter2",
            "the connection string has a value whose quotes do not end",
        ),
        (
            "Server=h;User Id=u;Password='hunter2'x",
            "the connection string goes on after a value's closing quote",
        ),
        (
            "Server=h;User Id=u;hunter2",
            "the connection string has a keyword without a value",
        ),
        (
            "Server=np:h;User Id=u;Password=hunter2",
            "Server names a protocol other than TCP",
        ),
        (
            "Server=h:1433;User Id=u;Password=hunter2",
            "Server has a colon in the host's name",
        ),
        (
            "Server=(LocalDB)\\v11;Integrated Security=true",
            "Server names a LocalDB, which only its own user's programs can reach",
        ),
        (
            "User Id=u;Password=hunter2",
            "the connection string names no server",
        ),
        ("mssql://u@h", "there is no password"),
        (
            "mssql://u@h?password_env=NONE",
            "the environment variable NONE, named by password_env, is not set",
        ),
        ("mssql://h", "the connection string names no user"),
        (
            "mssql://u:hunter2@h?token_env=T",
            "the connection string has more than one way to log in",
        ),
        (
            "mssql://u:hunter2@h?driver=odbc",
            "driver is neither tiberius nor mssql-tds",
        ),
        (
            "mssql://u:hunter2@h?encrypt=maybe",
            "encrypt is none of on, off, strict",
        ),
        (
            "mssql://u:hunter2@h?ca=x&trust_server_certificate=true",
            "`ca` and `trust_server_certificate` contradict each other",
        ),
        (
            "mssql://u:hunter2@h?encrypt=strict&trust_server_certificate=1",
            "encrypt=strict always verifies the server's certificate",
        ),
        (
            "mssql://u:hunter2@h?pool_limit=0",
            "pool_limit is not a number of connections",
        ),
        (
            "mssql://u:hunter2@h?packet_size=40000",
            "packet_size is not a number from 512 to 32767",
        ),
        (
            "mssql://u:hunter2@h?statement_timeout=1s",
            "statement_timeout is not a whole number",
        ),
        (
            "Server=h,0;User Id=u;Password=hunter2",
            "the port is not a number from 1 to 65535",
        ),
        (
            "Server=h;Authentication=Active Directory Default",
            "Authentication names a way to log in that is not built in",
        ),
    ] {
        let error = refusal(text);
        assert_eq!(error.message(), message, "{text}");
        assert_eq!((error.kind(), error.side()), (ErrorKind::Config, Side::Source));
        assert!(
            !format!("{error:?}{:?}", error.hint_text()).contains("hunter2"),
            "{text}"
        );
    }
    let hint = refusal("mssql://u:p@h/db?colour=red");
    assert!(
        hint.hint_text()
            .unwrap()
            .starts_with("known options: driver, encrypt, trust_server_certificate, ca, ")
    );
}

#[test]
fn nothing_printed_has_a_secret_in_it() {
    for text in [
        "mssql://sa:hunter2@h/db",
        "Server=h;User Id=sa;Password=hunter2",
        "mssql://h/db?token_command=print+hunter2",
    ] {
        let c = parsed(text);
        assert!(
            !format!("{c} {c:?} {c:#?} {}", c.describe()).contains("hunter2"),
            "{text}"
        );
    }
    assert_eq!(
        format!("{:?}", parsed("mssql://sa:hunter2@h/db")),
        "MssqlConfig { at: \"h:1433/db\", login: Password(sa, ***), driver: None, encrypt: Mandatory, trust: System, .. }"
    );
}

#[test]
fn connection_strings_are_recognised() {
    for (text, is) in [
        ("mssql://h", true),
        (" SqlServer://h", true),
        ("Server=h;Database=d", true),
        ("User ID=u;Server=h", true),
        ("postgres://h/db?server=x", false),
        ("dir=x/backup.bacpac", false),
        ("crm.bacpac", false),
        ("host=h dbname=x", false),
    ] {
        assert_eq!(MssqlConfig::recognises(text), is, "{text}");
    }
}
