//! Policies.

use proptest::prelude::*;
use tlog::{Cosignature, NoteSignature, Policy, Rejected, SigningKey};

use crate::support::{Log, log_key, signed, witness_key};

const ORIGIN: &str = "log.example/one";

fn witnesses() -> Vec<SigningKey> {
    (1..=6).map(|number| witness_key(&format!("witness.example/{number}"), number)).collect()
}

/// The example of <https://c2sp.org/tlog-policy>.
fn two_levels() -> Policy {
    let keys: Vec<String> = witnesses().iter().map(|key| key.verifier().to_string()).collect();
    let [x1, x2, x3, y1, y2, y3] = keys.as_slice() else { panic!() };
    let text = format!(
        "# comment \u{e9}\n\nlog {} https://log.example/one\n\
         witness X1 {x1}\nwitness\tX2  {x2}\n  witness X3 {x3} https://x3.example \n\
         group X-witnesses 2 X1 X2 X3\n\
         witness Y1 {y1}\nwitness Y2 {y2}\nwitness Y3 {y3}\n\
         group Y-witnesses any Y1 Y2 Y3\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        log_key(ORIGIN, 9).verifier()
    );
    Policy::parse(text.as_bytes()).unwrap()
}

fn verify(policy: &Policy, cosigners: &[usize]) -> Result<Vec<Cosignature>, Rejected> {
    let (log, witnesses) = (log_key(ORIGIN, 9), witnesses());
    let mut keys = vec![&log];
    keys.extend(cosigners.iter().map(|index| &witnesses[*index]));
    let note = signed(&Log::of_size(3).checkpoint(ORIGIN, 3), &keys);
    let accepted = policy.verify(&note)?;
    assert_eq!(accepted.log, log.verifier());
    assert_eq!(accepted.checkpoint.size(), 3);
    Ok(accepted.cosignatures)
}

#[test]
fn quorum_of_two_levels_is_counted() {
    let policy = two_levels();
    for cosigners in [&[0, 1, 3][..], &[1, 2, 5], &[0, 1, 2, 3, 4, 5]] {
        assert_eq!(verify(&policy, cosigners).unwrap().len(), cosigners.len());
    }
    for cosigners in [&[][..], &[0, 3], &[0, 1, 2], &[3, 4, 5], &[0, 0, 3]] {
        let error = verify(&policy, cosigners).unwrap_err();
        assert!(matches!(&error, Rejected::Quorum { size: 3, .. }), "{error}");
    }
    let error = verify(&policy, &[0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the checkpoint of size 3 is not trusted: cosignatures by 1 of 6 witnesses do not reach the quorum X-and-Y"
    );
    let found: Vec<_> = policy.witnesses().map(|(name, _, url)| (name, url)).collect();
    assert_eq!(found[2], ("X3", Some("https://x3.example")));
    assert_eq!(policy.logs(), [log_key(ORIGIN, 9).verifier()]);
}

#[test]
fn cosignature_states_its_time() {
    let accepted = verify(&two_levels(), &[0, 1, 3]).unwrap();
    assert_eq!(accepted[2], Cosignature { witness: "Y1".to_owned(), time: 1_000 });
}

#[test]
fn no_quorum_needs_the_log_only() {
    let policy =
        Policy::parse(format!("log {}\nquorum none", log_key(ORIGIN, 9).verifier()).as_bytes())
            .unwrap();
    assert_eq!(verify(&policy, &[0]).unwrap(), []);
}

#[test]
fn checkpoint_of_another_log_is_refused() {
    let policy = two_levels();
    let (key, other) = (log_key(ORIGIN, 9), log_key("log.example/two", 9));
    let checkpoint = Log::of_size(3).checkpoint("log.example/two", 3);
    let error = policy.verify(&signed(&checkpoint, &[&other])).unwrap_err();
    assert_eq!(error, Rejected::UnknownLog { origin: "log.example/two".to_owned() });
    // Another key under the same name.
    let checkpoint = Log::of_size(3).checkpoint(ORIGIN, 3);
    let error = policy.verify(&signed(&checkpoint, &[&log_key(ORIGIN, 8)])).unwrap_err();
    assert!(error.to_string().contains("there is no signature by log.example/one"), "{error}");
    // A signature of another checkpoint.
    let mut note = signed(&checkpoint, &[]);
    note.push(NoteSignature::new(&key, "another text\n", 0));
    let error = policy.verify(&note).unwrap_err();
    assert!(error.to_string().contains("is not one of this text"), "{error}");
    let note =
        tlog::SignedNote::parse(format!("x\n\n{}", NoteSignature::new(&key, "x\n", 0)).as_bytes())
            .unwrap();
    assert!(matches!(policy.verify(&note), Err(Rejected::Checkpoint(_))));
}

#[test]
fn one_of_two_keys_of_a_log_is_enough() {
    let (old, new) = (log_key(ORIGIN, 1), log_key(ORIGIN, 2));
    let text = format!("log {}\nlog {}\nquorum none\n", old.verifier(), new.verifier());
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let checkpoint = Log::of_size(3).checkpoint(ORIGIN, 3);
    for keys in [&[&old][..], &[&new], &[&new, &old]] {
        policy.verify(&signed(&checkpoint, keys)).unwrap();
    }
}

#[test]
fn invalid_cosignature_refutes_the_checkpoint() {
    let (log, witnesses) = (log_key(ORIGIN, 9), witnesses());
    let checkpoint = Log::of_size(3).checkpoint(ORIGIN, 3);
    let mut note = signed(&checkpoint, &[&log, &witnesses[0], &witnesses[1], &witnesses[3]]);
    note.push(NoteSignature::new(&witnesses[5], "another text\n", 1_000));
    assert!(matches!(two_levels().verify(&note), Err(Rejected::Signature { .. })));
}

#[test]
fn invalid_policy_names_the_line() {
    let log = log_key(ORIGIN, 9).verifier();
    let w = witness_key("w", 1).verifier();
    let other = witness_key("other", 1).verifier();
    for (text, line, problem) in [
        ("", 1, "there is no quorum; `quorum none` asks for no cosignature"),
        ("# only\n", 2, "there is no quorum; `quorum none` asks for no cosignature"),
        ("\nquorom none", 2, "it begins with none of `log`, `witness`, `group` and `quorum`"),
        ("quorum none\nquorum none", 2, "there is a quorum already"),
        ("quorum a", 1, "a is not defined on an earlier line"),
        ("quorum", 1, "it is not of the form quorum NAME|none"),
        ("log", 1, "it is not of the form log KEY [URL]"),
        (
            "log x",
            1,
            "a verifier key is NAME+ID+KEY, with an id of 8 hexadecimal digits and the key in Base64",
        ),
        ("log {w}", 1, "the key is one for cosignatures, not that of a log"),
        ("log {log}\nlog {log} url", 2, "the key is on an earlier line already"),
        ("witness a {log}", 1, "the key is that of a log, not one for cosignatures"),
        ("witness a {w}\nwitness b {other}", 2, "the key is on an earlier line already"),
        ("witness none {w}", 1, "the name none is used already"),
        ("witness a {w}\ngroup a any a", 2, "the name a is used already"),
        (
            "witness a {w}\ngroup b 2 a",
            2,
            "a group needs from 1 to all of its members, as a number, `any` or `all`",
        ),
        (
            "witness a {w}\ngroup b 0 a",
            2,
            "a group needs from 1 to all of its members, as a number, `any` or `all`",
        ),
        (
            "witness a {w}\ngroup b all",
            2,
            "it is not of the form group NAME NUMBER|any|all MEMBER...",
        ),
        ("witness a {w}\ngroup b any a a", 2, "a is a member of a group already"),
        ("witness a {w}\ngroup b any a\ngroup c any a", 3, "a is a member of a group already"),
        ("witness a {w}\ngroup b any b", 2, "b is not defined on an earlier line"),
        ("quorum none\r", 1, "it is not UTF-8, or has control characters"),
    ] {
        let text = text.replace("{w}", &w.to_string()).replace("{other}", &other.to_string());
        let text = text.replace("{log}", &log.to_string());
        let error = Policy::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("line {line} of the policy: {problem}"), "{text}");
    }
    let error = Policy::parse(&vec![b' '; 2_000_000]).unwrap_err();
    assert_eq!(error.to_string(), "line 1 of the policy: the policy is longer than 1048576 bytes");
    Policy::parse(b"# \xff\nquorum none").unwrap();
    assert_eq!(Policy::parse(b"quorum \xff").unwrap_err().line, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_policy_or_not(text in "((log|witness|group|quorum|#|) ?(a|b|none|any|all|[0-9]|K| ){0,6}\n){0,8}") {
        let key = witness_key("w", 1).verifier().to_string();
        if let Err(error) = Policy::parse(text.replace('K', &key).as_bytes()) {
            prop_assert!((1..=text.lines().count() + 1).contains(&error.line));
        }
    }
}
