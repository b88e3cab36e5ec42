use super::*;

/// All records, as `line.nth text` or `line.nth error`, read a few bytes at a time.
fn all(text: &str) -> Vec<String> {
    let mut documents = Documents::new(io::BufReader::with_capacity(5, text.as_bytes()), 1);
    let mut out = Vec::new();
    loop {
        match documents.next() {
            Ok(None) => return out,
            Ok(Some(RawRecord { position, bytes, flaw })) => {
                let Position { line, nth } = position;
                let text = String::from_utf8_lossy(bytes);
                out.push(match flaw {
                    None => format!("{line}.{nth} {text}"),
                    Some(flaw) => format!("{line}.{nth} {flaw:?} {text}").trim_end().to_owned(),
                });
            }
            Err(error) => {
                out.push(error.to_string());
                return out;
            }
        }
    }
}

#[test]
fn records_are_found_in_documents() {
    let text = r#"{"v":{"Records":[1]},"Records":[{"a":"}]"},{"b":[{}]}],"more":1}{"Records":[]}"#;
    assert_eq!(all(text), [r#"1.1 {"a":"}]"}"#, r#"1.2 {"b":[{}]}"#]);
}

#[test]
fn pretty_printed_bare_and_array_forms_are_read() {
    assert_eq!(
        all("{\n  \"Records\": [\n    {\n \"a\": 1},\n {}]\n}\n"),
        ["3.1 {\n \"a\": 1}", "5.2 {}"].map(|text| text.to_owned())
    );
    assert_eq!(all("{\"a\":1}\n{\"a\":2}"), ["1.0 {\"a\":1}", "2.0 {\"a\":2}"]);
    assert_eq!(all("[{},\n{}]"), ["1.1 {}", "2.2 {}"]);
}

#[test]
fn non_records_are_reported_and_skipped() {
    assert_eq!(
        all("{\"Records\":[1,{},null,\"x\",{}]}"),
        ["1.1 NotAnObject 1", "1.2 {}", "1.3 NotAnObject null", "1.4 \"x\"", "1.5 {}"]
    );
    assert_eq!(all("oops\n{}"), ["1.0 NotAnObject oops", "2.0 {}"]);
    assert_eq!(all("{\"a\":\"x\n{\"b\":1}"), ["1.0 OpenString {\"a\":\"x", "2.0 {\"b\":1}"]);
}

#[test]
fn a_truncated_document_is_an_error() {
    let error = "unexpected end of file inside a JSON document";
    assert_eq!(all("{\"Records\":[{}"), ["1.1 {}", error]);
    assert_eq!(all("{\"Records\":[{}]"), ["1.1 {}", error]);
    assert_eq!(all("{\"a\":"), [error]);
}

#[test]
fn a_record_over_the_limit_is_skipped() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(RECORD_MAX_BYTES));
    let records = all(&format!("{{\"Records\":[{long},{{}}]}}"));
    let bytes = long.len() as u64;
    assert_eq!(
        records,
        [format!("1.1 {:?}", FramingError::TooLong { bytes }), "1.2 {}".to_owned()]
    );
}

#[test]
fn documents_are_detected_by_their_first_bytes() {
    for document in
        ["{\"Records\":[", " [{}", "{\n  \"a\"", "{ \"Records\" : [\n", "{\"v\":1,\"Records\":[{"]
    {
        assert!(is_document(document.as_bytes()), "{document}");
    }
    for document in ["{\"Events\":[", "{\"a\":{\n \"b\"", "{\n}", "{}{}", "{\"a\":1}\t{"] {
        assert!(is_document(document.as_bytes()), "{document}");
    }
    for lines in [
        "{\"a\":1}\n{",
        "{\"Records\":1}\n",
        "{\"a\":\"x\n{}",
        "{\"a\":1\n{}",
        "{\"a\":{\n{\"b\":1}",
        "no",
        "",
    ] {
        assert!(!is_document(lines.as_bytes()), "{lines}");
    }
}

#[test]
fn strings_and_other_arrays_are_read() {
    assert_eq!(all(r#"["{\"a\":1}",{}]"#), [r#"1.1 "{\"a\":1}""#, "1.2 {}"]);
    assert_eq!(all(r#"{"NextToken":"Events","Events":[{}]}"#), ["1.1 {}"]);
    assert_eq!(all("{\"logEvents\":[{}]}\u{feff}{\"events\":[{}]}"), ["1.1 {}", "1.1 {}"]);
}

#[test]
fn lines_that_may_be_documents_are_found() {
    for line in ["[{}]", r#"{"Records":[]}"#, r#"{"a":"Records","Events":[]}"#] {
        assert!(may_be_document(line.as_bytes()), "{line}");
    }
    for line in [r#"{"eventName":"Records"}"#, r#"{"a":1}"#, "Records\""] {
        let expected = line.contains("\"Records\"");
        assert_eq!(may_be_document(line.as_bytes()), expected, "{line}");
    }
}
