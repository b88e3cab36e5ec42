//! Every form of a database URL, with both drivers: `query` uses sqlx, `import` uses pg-pipeline.

use auditrail_testkit::{TestDb, Transport};
use serde_json::json;

use crate::sandbox::Sandbox;

/// The parts of a database's URL.
struct Parts {
    user: String,
    password: String,
    host: String,
    port: u16,
    database: String,
    certificate: String,
}

impl Parts {
    fn of(db: &TestDb) -> Self {
        let options = db.app();
        let url = db.url(&db.app());
        let (secret, _) = url.split_once('@').unwrap();
        let (_, password) = secret.rsplit_once(':').unwrap();
        let (_, certificate) = url.split_once("sslrootcert=").unwrap();
        let certificate = certificate.split('&').next().unwrap();
        Self {
            user: options.get_username().to_owned(),
            password: password.to_owned(),
            host: options.get_host().to_owned(),
            port: options.get_port(),
            database: db.name().to_owned(),
            certificate: certificate.to_owned(),
        }
    }
}

/// Writes a record with one driver and reads it with the other.
fn works(sandbox: &Sandbox, form: &str) {
    let line = json!({
        "actor_type": "user", "actor_id": form, "action": "project.deleted",
        "target_type": "project", "target_id": "p1",
    });
    let line = format!("{line}\n");
    let import =
        sandbox.run_with_input(&["import", "--format", "ndjson", "--json", "-"], line.as_bytes());
    assert_eq!(import.code(0).json()["created"], 1, "{form}");
    let actor = format!("user:{form}");
    let hits = sandbox.run(&["query", "--json", "--actor", &actor]).code(0).rows();
    assert_eq!(hits.len(), 1, "{form}");
}

#[tokio::test]
async fn url_forms_work_with_both_drivers() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let Parts { user, password, host, port, database, certificate } = Parts::of(&db);
    let server = format!("{host}:{port}");
    let forms = [
        ("plain", format!("postgres://{user}:{password}@{server}/{database}?sslmode=disable")),
        ("scheme", format!("postgresql://{user}:{password}@{server}/{database}")),
        ("prefer", format!("postgres://{user}:{password}@{server}/{database}?sslmode=prefer")),
        ("require", format!("postgres://{user}:{password}@{server}/{database}?sslmode=require")),
        (
            "verify-ca",
            format!(
                "postgres://{user}:{password}@{server}/{database}?sslmode=verify-ca\
                 &sslrootcert={certificate}"
            ),
        ),
        (
            "verify-full",
            format!(
                "postgres://{user}:{password}@{server}/{database}?ssl-mode=verify-full\
                 &ssl-ca={certificate}"
            ),
        ),
        (
            "parameters",
            format!(
                "postgres:///?host={host}&port={port}&user={user}&password={password}\
                 &dbname={database}"
            ),
        ),
        (
            "hostaddr",
            format!(
                "postgres://{user}:{password}@nowhere.invalid:{port}/{database}?hostaddr={host}"
            ),
        ),
        (
            "options",
            format!(
                "postgres://{user}:{password}@{server}/{database}?application_name=mine\
                 &options[work_mem]=5MB&options=-c%20lock_timeout%3D3s"
            ),
        ),
        (
            "unprepared",
            format!("postgres://{user}:{password}@{server}/{database}?statement-cache-capacity=0"),
        ),
    ];
    for (form, url) in forms {
        works(&Sandbox::with(&url), form);
    }
}

#[tokio::test]
async fn password_from_environment_or_file() {
    let db = TestDb::migrated_over(Transport::Tls).await;
    let Parts { user, password, host, port, database, .. } = Parts::of(&db);
    let url = format!("postgres://{user}@{host}:{port}/{database}");
    works(&Sandbox::with(&url).set("PGPASSWORD", &password), "environment");
    let sandbox = Sandbox::with(&url);
    let file = sandbox.file("pgpass", format!("{host}:{port}:{database}:{user}:{password}\n"));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    works(&sandbox.set("PGPASSFILE", &file.display().to_string()), "file");
    let wrong = Sandbox::with(&url).set("PGPASSWORD", "wrong");
    wrong.run(&["import", "--format", "ndjson", "-"]).code(6).stderr_has("password");
}

#[tokio::test]
async fn unix_socket_is_given_by_directory() {
    let db = TestDb::migrated_over(Transport::Unix).await;
    let options = db.app();
    let (user, port, name) = (options.get_username(), options.get_port(), db.name());
    let directory = match options.get_socket() {
        Some(directory) => directory.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let escaped = directory.replace('/', "%2F");
    works(&Sandbox::with(&format!("postgres://{user}@{escaped}:{port}/{name}")), "host");
    let parameter = format!("postgres://{user}@localhost/{name}?host={directory}&port={port}");
    works(&Sandbox::with(&parameter), "parameter");
    for (form, url) in [
        ("empty host", format!("postgresql://{user}@/{name}?host={directory}&port={port}")),
        ("port alone", format!("postgres://{user}@:{port}/{name}?host={directory}")),
        ("no authority", format!("postgres:///{name}?host={directory}&port={port}&user={user}")),
        ("no path", format!("postgres://?host={directory}&port={port}&user={user}&dbname={name}")),
        ("encoded", format!("postgres://{user}@/{name}?host={escaped}&port={port}")),
    ] {
        works(&Sandbox::with(&url), form);
    }
}
