use std::os::unix::fs::symlink;

use super::*;

/// A project beside something that is none of its business.
struct Land {
    folder: tempfile::TempDir,
    bounds: Bounds,
}

impl Land {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(folder.path()).unwrap();
        for name in ["project/real", "other"] {
            fs::create_dir_all(real.join(name)).unwrap();
        }
        fs::write(real.join("project/real/x"), "x").unwrap();
        fs::write(real.join("other/x"), "x").unwrap();
        let bounds = Bounds { root: real.join("project"), allow_outside: false };
        Self { folder, bounds }
    }

    fn path(&self, path: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap().join(path)
    }

    fn link(&self, name: &str, to: &str) {
        symlink(to, self.bounds.root.join(name)).unwrap();
    }

    fn open(&self) -> Bounds {
        Bounds { allow_outside: true, ..self.bounds.clone() }
    }
}

#[test]
fn text_alone_tells_whether_a_path_escapes() {
    for inside in ["a", "./a/b", "a/../b", "a/./../b/", ""] {
        assert!(!escapes(inside), "{inside}");
    }
    for outside in ["..", "../a", "a/../../b", "/etc/passwd", "a/../.."] {
        assert!(escapes(outside), "{outside}");
    }
}

#[test]
fn a_link_of_our_own_is_followed_inside_and_refused_when_it_leads_out() {
    let land = Land::new();
    land.link("in", "real/x");
    land.link("out", "../other/x");
    land.link("folder", "../other");
    land.link("nowhere", "../other/missing");
    let own = |path: &str| land.bounds.own(Path::new(path));
    assert_eq!(own("in").unwrap(), land.path("project/real/x"));
    assert_eq!(own("new/deep/x").unwrap(), land.path("project/new/deep/x"));
    for (path, to) in [("out", "other/x"), ("folder", "other")] {
        let refused = own(path).unwrap_err();
        assert!(matches!(&refused, Escape::LinkOut { .. }), "{refused}");
        assert!(refused.help().unwrap().contains("--allow-outside"));
        assert_eq!(land.open().own(Path::new(path)).unwrap(), land.path(to));
    }
    for path in ["nowhere", "nowhere/x"] {
        let refused = own(path).unwrap_err();
        assert!(matches!(&refused, Escape::Dangling { .. }), "{refused}");
        assert!(refused.help().unwrap().contains("--allow-outside"));
    }
    for path in ["folder/x", "../other/x", "real/../../other/x"] {
        let refused = own(path).unwrap_err();
        assert!(matches!(&refused, Escape::Outside { .. }), "{refused}");
        assert_eq!(land.open().own(Path::new(path)).unwrap(), land.path("other/x"));
    }
}

#[test]
fn what_was_typed_may_be_outside_but_not_through_a_link() {
    let land = Land::new();
    land.link("folder", "../other");
    let outside = land.path("other/new");
    assert_eq!(land.bounds.typed(&outside).unwrap(), outside);
    let inside = land.bounds.root.join("new");
    assert_eq!(land.bounds.typed(&inside).unwrap(), inside);
    assert!(land.bounds.typed(&land.bounds.root.join("folder/new")).is_err());
}
