use super::*;

fn credentials(folder: &Path) -> Credentials {
    let vault = AgeVault::new(&[], None, folder.join("identity.txt")).unwrap();
    Credentials::new(folder.join("credentials"), vault)
}

fn secrets(pairs: &[(&str, &str)]) -> Secrets {
    pairs.iter().map(|(name, text)| ((*name).into(), Secret::new((*text).into()))).collect()
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00.123Z".parse().unwrap()
}

#[test]
fn what_was_kept_is_read_again_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    assert!(credentials.open("acme").unwrap().is_none());
    let kept = secrets(&[("key", "k-123456"), ("email", "me@example.com")]);
    let envelope = credentials.keep("acme", &kept, now()).unwrap();
    assert_eq!(envelope.stored_at, "2026-11-20T10:00:00Z");
    assert_eq!(envelope.secrets, ["email", "key"]);
    assert_eq!(credentials.open("acme").unwrap(), Some(kept));
    assert_eq!(credentials.providers().unwrap(), ["acme"]);
    assert!(credentials.forget("acme").unwrap());
    assert!(!credentials.forget("acme").unwrap());
    assert!(credentials.open("acme").unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    let inside = folder.path().join("credentials");
    fs::create_dir(&inside).unwrap();
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).unwrap();
    credentials.keep("acme", &secrets(&[("token", "t-123456")]), now()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inside), 0o700);
    assert_eq!(mode(&credentials.path("acme")), 0o600);
}

#[test]
fn a_file_under_another_name_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    credentials.keep("acme", &secrets(&[("token", "t-123456")]), now()).unwrap();
    fs::copy(credentials.path("acme"), credentials.path("evil")).unwrap();
    let error = credentials.open("evil").unwrap_err().to_string();
    assert!(error.ends_with("is damaged: it is that of acme"), "{error}");
}

#[test]
fn a_lost_identity_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    let kept = secrets(&[("token", "t-123456")]);
    let recipient = credentials.keep("acme", &kept, now()).unwrap().recipient;
    fs::remove_file(folder.path().join("identity.txt")).unwrap();
    let error = credentials.open("acme").unwrap_err().to_string();
    assert!(error.contains(&format!("the identity {recipient}")), "{error}");
    assert!(error.contains("PROV_AGE_IDENTITY"), "{error}");
    assert_eq!(credentials.look("acme").unwrap().unwrap().secrets, ["token"]);
}

#[test]
fn what_is_damaged_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    let kept = secrets(&[("token", "t-123456")]);
    credentials.keep("acme", &kept, now()).unwrap();
    let sound = fs::read_to_string(credentials.path("acme")).unwrap();
    for text in ["", "{}", &sound.replace("\"1.0\"", "\"2.0\""), &sound.replace("YW", "YX")] {
        fs::write(credentials.path("acme"), text).unwrap();
        let error = credentials.open("acme").unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    let text = format!("{:?}", secrets(&[("token", "t-123456")]));
    assert_eq!(text, "{\"token\": (sensitive)}");
}

#[test]
fn an_identity_that_is_given_and_empty_seals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.txt");
    fs::write(&file, "").unwrap();
    let given = Some(file.display().to_string());
    let vault = AgeVault::new(&[], given, folder.path().join("identity.txt")).unwrap();
    let credentials = Credentials::new(folder.path().join("credentials"), vault);
    let error = credentials.keep("acme", &secrets(&[]), now()).unwrap_err().to_string();
    assert_eq!(error, "there is no identity in PROV_AGE_IDENTITY");
    assert!(!folder.path().join("identity.txt").exists());
}

#[test]
fn a_file_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = credentials(folder.path());
    credentials.keep("acme", &secrets(&[("token", "t-123456")]), now()).unwrap();
    let path = credentials.path("acme");
    let lookup = credentials.into_lookup();
    for _ in 0..3 {
        assert_eq!(lookup("acme", "token"), Ok(Some("t-123456".to_owned())));
        assert_eq!(lookup("acme", "other"), Ok(None));
        assert_eq!(lookup("nobody", "token"), Ok(None));
        // What is gone from the disk is still known.
        let _ = fs::remove_file(&path);
    }
}
