//! Arrows point down only: which module of the tracker may know which others.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those it may name. Top to bottom as in the crate's map; what is not listed is not allowed.
const MAY_KNOW: &[(&str, &[&str])] = &[
    // Floor 4: assembly.
    ("cli", &["admin", "config", "doctor", "log", "probe", "server", "storage"]),
    ("doctor", &["bittorrent", "config", "server", "units"]),
    ("server", &["admin", "bittorrent", "clock", "config", "counters", "http", "storage", "sys", "tracker", "udp"]),
    ("config", &["admin", "http", "log", "storage", "tracker", "udp", "units"]),
    ("log", &[]),
    // Floor 3: frontends, which never import each other.
    ("udp", &["bittorrent", "clock", "counters", "storage", "sys", "tracker", "units", "wire::udp"]),
    ("http", &["bittorrent", "clock", "counters", "storage", "sys", "tracker", "units", "wire::bencode", "wire::http"]),
    ("admin", &["bittorrent", "clock", "counters", "storage", "sys", "tracker"]),
    // The probe is nobody's frontend: it asks other trackers.
    ("probe", &["bittorrent", "units", "wire::dns", "wire::http", "wire::udp"]),
    // Floor 2: meaning.
    ("tracker", &["bittorrent", "clock", "storage", "units"]),
    // Floor 1: two towers that do not know each other.
    ("storage", &["bittorrent", "clock", "sync", "sys", "units"]),
    ("wire::http", &["bittorrent", "wire::bencode"]),
    ("wire::udp", &["bittorrent"]),
    ("wire::bencode", &[]),
    ("wire::dns", &[]),
    ("wire", &[]),
    // Floor 0: nouns.
    ("counters", &["bittorrent"]),
    ("bittorrent", &[]),
    ("clock", &[]),
    ("sys", &["sync"]),
    ("sync", &[]),
    ("units", &[]),
];

#[test]
fn arrows_point_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let files = rust_files(&source);
    assert!(files.len() > 30, "the source was found: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let path = module_path(file.strip_prefix(&source).unwrap());
        // The crate's root and the program may know everything.
        if path.is_empty() || path == ["main"] {
            continue;
        }
        let (module, allowed) = row(&path).unwrap_or_else(|| panic!("{} has no row in the table", path.join("::")));
        let text = fs::read_to_string(&file).unwrap();
        // What has no row is no module: an item of the root, or of the file a module of unit tests is in.
        for (known, _) in known_modules(&text, path.len()).iter().filter_map(|known| row(known)) {
            if known != module && !allowed.contains(&known) {
                wrong.push(format!("{} knows {known}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that point up or across:\n{}", wrong.join("\n"));
}

/// The compiler denies `unsafe` wherever it is not allowed; so this is all there is to see to.
#[test]
fn unsafe_is_allowed_in_sys_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\nunsafe_code = \"deny\"\n") && manifest.contains("\n[lints]\nworkspace = true\n"));
    let allows = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        code.contains("unsafe_code")
    };
    let allowing: Vec<_> = rust_files(&root.join("src")).into_iter().filter(allows).collect();
    assert_eq!(allowing, [root.join("src/sys/mod.rs")]);
}

#[test]
fn the_table_itself_has_no_cycle() {
    for (position, (module, allowed)) in MAY_KNOW.iter().enumerate() {
        for known in *allowed {
            let below = MAY_KNOW.iter().position(|(name, _)| name == known);
            assert!(below.is_some_and(|below| below > position), "{module} → {known} does not point down");
        }
    }
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let text = "use crate::udp::Handler;\nuse crate::{http, storage::{Batch, Entry}, wire::udp as wire};\n\
                // crate::comment\nlet x = crate::clock::Now(1);\nuse super::super::tracker::Tracker;\nuse super::memory;";
    let known: Vec<_> = known_modules(text, 2).iter().map(|path| path.join("::")).collect();
    assert_eq!(known, ["udp::Handler", "http", "storage", "wire::udp", "clock::Now", "tracker::Tracker"]);
}

/// The row of the innermost module in the table that a path leads into.
fn row(path: &[String]) -> Option<(&'static str, &'static [&'static str])> {
    let leads_into = |name: &str| {
        let parts: Vec<_> = name.split("::").collect();
        path.len() >= parts.len() && path.iter().zip(&parts).all(|(a, b)| a == b)
    };
    let rows = MAY_KNOW.iter().filter(|(name, _)| leads_into(name));
    rows.max_by_key(|(name, _)| name.len()).map(|&(name, allowed)| (name, allowed))
}

/// The modules a file names by `crate::` or by as many `super::` as lead to the root: the first two parts of each path.
fn known_modules(text: &str, depth: usize) -> Vec<Vec<String>> {
    let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n").replace(&"super::".repeat(depth), "crate::");
    code.split("crate::").skip(1).flat_map(paths).collect()
}

fn paths(after: &str) -> Vec<Vec<String>> {
    let after = after.trim_start();
    let Some(list) = after.strip_prefix('{') else { return vec![path(after)] };
    let mut nesting = 0;
    let mut items = vec![String::new()];
    for c in list.chars() {
        match c {
            '}' if nesting == 0 => break,
            '{' => nesting += 1,
            '}' => nesting -= 1,
            ',' if nesting == 0 => items.push(String::new()),
            _ if nesting == 0 => items.last_mut().expect("there is always one").push(c),
            _ => {}
        }
    }
    items.iter().filter(|item| !item.trim().is_empty()).map(|item| path(item.trim_start())).collect()
}

fn path(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    text[..end].split("::").filter(|part| !part.is_empty()).take(2).map(str::to_owned).collect()
}

/// `storage/memory/mod.rs` is `storage::memory`; `lib.rs` is the root.
fn module_path(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let entries: Vec<_> = entries.expect("our own source can be read");
    let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| rust_files(folder));
    files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs")).chain(below).collect()
}
