//! `show` and `query --long`.

use auditrail_testkit::TestDb;

use crate::sandbox::Sandbox;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn show_prints_what_log_prints() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let log = ["log", "--actor", "user:u1", "--action", "a.b", "--target", "t:x", "--id", ID];
    let more = ["--metadata", "{\"plan\":\"pro\"}", "--ip", "203.0.113.7"];
    let written = sandbox.run(&[&log[..], &more].concat()).code(0);
    let shown = sandbox.run(&["show", ID]).code(0);
    assert_eq!(shown.out, written.out);
    assert!(shown.out.starts_with(&format!("id           {ID}\n")), "{shown:?}");
    let upper = sandbox.run(&["show", &ID.to_uppercase()]).code(0);
    assert_eq!(upper.out, shown.out);
    let json = sandbox.run(&["show", ID, "--json"]).code(0).json();
    assert_eq!(json["metadata"]["plan"], "pro");
    assert_eq!(sandbox.run(&["query", "--long"]).code(0).out, shown.out);
}

#[tokio::test]
async fn unknown_and_invalid_ids_are_errors() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    let run = sandbox.run(&["show", ID, "--json"]).code(1);
    assert_eq!((run.error_code().as_str(), run.out.as_str()), ("not_found", ""));
    sandbox.run(&["show", ID]).code(1).stderr_has(ID);
    sandbox.run(&["show", "seven"]).code(2).stderr_has("ID: ");
    sandbox.run(&["show"]).code(2);
}

#[tokio::test]
async fn long_form_separates_records_by_an_empty_line() {
    let db = TestDb::migrated().await;
    let sandbox = Sandbox::with(&db.url(&db.app()));
    for target in ["t:1", "t:2", "t:3"] {
        sandbox.run(&["log", "--actor", "system", "--action", "a.b", "--target", target]).code(0);
    }
    let run = sandbox.run(&["query", "--long", "--limit", "2"]).code(0);
    assert_eq!(run.out.matches("\n\n").count(), 1, "{run:?}");
    assert_eq!(run.out.matches("\nactor        system\n").count(), 2, "{run:?}");
    run.stderr_has("next page: auditrail query --long --limit 2 --cursor ");
}
