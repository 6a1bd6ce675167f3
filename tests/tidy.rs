//! The rules of the house that a machine can check: ARCHITECTURE.md against the code.
//!
//! ARCHITECTURE.md says which room may import which, which crate belongs to which room, and which
//! promises are kept. This test reads its tables and compares, so that the document cannot become
//! untrue and a room cannot grow a door that nobody decided on. Every failure says what broke, why
//! it matters and where it is written.
//!
//! Needs nothing but the standard library: `rustc --edition 2024 --test tests/tidy.rs` builds it in
//! a second, without the rest of the project.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

/// No longer than this, in lines: beyond it nobody reads a file to its end.
const MAX_LINES: usize = 600;
/// Longer files, each with its reason; only tables may be.
const LONG: &[(&str, &str)] = &[];
/// They wire rooms together, so they may import any.
const WIRES: [&str; 3] = ["main", "cli", "runtime"];
/// The only other rooms that import one: a pipeline is plugins in order, and whoever sends requests
/// does so with the limits of one client.
const NARROWS: [(&str, &str); 3] = [("pipeline", "plugin"), ("sink", "http"), ("rest", "http")];
/// Rooms behind the tape, or pure: no clock of the wall is read there.
const CLOCKLESS: [&str; 7] = ["tape", "pipeline", "plugin", "policy", "rehearse", "replay", "upbit"];
/// Precompiled code can only be loaded unsafely.
const UNSAFE: [&str; 1] = ["src/plugin/cache.rs"];

fn root() -> PathBuf {
    // Read at run time: the test also runs without cargo.
    PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| ".".to_owned()))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below `folder` with one of these endings, as paths relative to the root, sorted.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let (root, mut found) = (root(), Vec::new());
    let mut stack = vec![root.join(folder)];
    while let Some(folder) = stack.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() && name != "target" && name != ".git" {
                stack.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|x| e == *x)) {
                let path = path.strip_prefix(&root).unwrap_or(&path);
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<String> {
    ["src", "plugins", "tests", "benches", "xtask"].iter().flat_map(|f| files(f, &["rs"])).collect()
}

/// Code without comments, and comments without code, line for line.
fn split(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    for line in text.lines() {
        let comment = line.trim_start().starts_with("//");
        let (to, other) = if comment { (&mut comments, &mut code) } else { (&mut code, &mut comments) };
        to.push_str(line);
        to.push('\n');
        other.push('\n');
    }
    (code, comments)
}

/// Whether line `number` (from 0) of the file belongs to tests.
fn is_test(path: &str, text: &str, number: usize) -> bool {
    let stem = path.rsplit('/').next().unwrap_or(path);
    let own = path.starts_with("tests/") || path.contains("/tests/");
    let inline = text.lines().position(|line| line == "mod tests {");
    own || matches!(stem, "tests.rs" | "testing.rs") || inline.is_some_and(|at| number >= at)
}

/// The room a file under src belongs to.
fn room(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Names behind `crate::` and the number of the line of each.
fn imports(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..at].matches('\n').count();
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(heads(group).into_iter().map(|name| (name, line)));
        } else {
            found.push((word(rest), line));
        }
    }
    found.retain(|(name, _)| name.starts_with(|c: char| c.is_ascii_lowercase()));
    found
}

/// The first names in `a::b, c::{d, e}, f}`.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut at_head, mut found) = (0usize, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && (c.is_alphanumeric() || c == '_') => {
                found.push(word(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether `name::` stands in the code, as a path of its own.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

/// The rows of every table between `heading` and the next heading of its level, cells trimmed and
/// without backticks; the head and the rule of a table are left out.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no `{heading}`")).1;
    let section = section.split("\n## ").next().unwrap_or(section);
    let next = format!("\n{} ", heading.split(' ').next().unwrap_or("##"));
    let section = section.split(&next).next().unwrap_or(section);
    let lines: Vec<&str> = section.lines().collect();
    let is_rule = |line: &str| line.starts_with("|--") || line.starts_with("| --");
    let mut rows = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let head = lines.get(at + 1).is_some_and(|next| is_rule(next));
        if !line.starts_with('|') || is_rule(line) || head {
            continue;
        }
        let cells = line.trim_matches('|').split('|');
        rows.push(cells.map(|cell| cell.trim().replace('`', "")).collect());
    }
    rows
}

fn list(cell: Option<&String>) -> BTreeSet<String> {
    let cell = cell.map_or("", String::as_str);
    cell.split([',', ' ']).map(str::trim).filter(|c| !c.is_empty() && *c != "–").map(str::to_owned).collect()
}

/// Rooms and what each may import; and which of them are nouns.
fn rooms() -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let text = read("ARCHITECTURE.md");
    let nouns: BTreeSet<String> =
        table(&text, "### Nouns").iter().filter_map(|row| row.first().cloned()).collect();
    let rows = table(&text, "## Rooms");
    assert!(rows.iter().all(|row| row.len() == 4), "a row of the rooms table has not four cells: {rows:?}");
    let rooms = rows.iter().filter_map(|row| Some((row.first()?.clone(), list(row.get(3))))).collect();
    (rooms, nouns)
}

fn told(faults: &[String], why: &str) {
    assert!(faults.is_empty(), "\n{}\n\n{why}\n", faults.join("\n"));
}

#[test]
fn every_room_is_in_the_table_and_every_row_is_a_room() {
    let there: BTreeSet<String> =
        files("src", &["rs"]).iter().map(|f| room(f).to_owned()).filter(|r| r != "lib").collect();
    let (rooms, _) = rooms();
    let known: BTreeSet<String> = rooms.into_keys().collect();
    let faults: Vec<String> = there.symmetric_difference(&known).map(|r| format!("`{r}`")).collect();
    told(
        &faults,
        "stands either in src or in the rooms table of ARCHITECTURE.md, not in both: whoever \
                   looks for a responsibility looks there first. Add or remove its row.",
    );
}

/// Proves [one-way]: no room names another but those that wire them, so nothing downstream can
/// name anything upstream.
#[test]
fn rooms_import_what_the_table_says() {
    let (rooms, nouns) = rooms();
    let (mut faults, mut used) = (Vec::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for path in files("src", &["rs"]) {
        let text = read(&path);
        let (code, _) = split(&text);
        let code = if path == "src/main.rs" { code.replace("tradehook::", "crate::") } else { code };
        let own = room(&path);
        for (name, line) in imports(&code).into_iter().filter(|(name, _)| name != own) {
            if !rooms.contains_key(&name) || own == "lib" {
                continue;
            }
            let listed = rooms.get(own).is_some_and(|allowed| allowed.contains(&name));
            // A test may make the nouns that its room is handed.
            let noun_in_test = nouns.contains(&name) && is_test(&path, &text, line);
            // The stand-in venue is what the wiring is tried against.
            let is_tried = name == "venue" && WIRES.contains(&own) && is_test(&path, &text, line);
            if is_tried {
                continue;
            }
            if !listed && !noun_in_test {
                faults.push(format!("{path}:{}: `{own}` imports `{name}`", line + 1));
            }
            used.entry(own.to_owned()).or_default().insert(name);
        }
    }
    for (room, allowed) in &rooms {
        let used = used.remove(room).unwrap_or_default();
        faults.extend(allowed.difference(&used).map(|name| format!("`{room}` does not import `{name}`")));
    }
    told(
        &faults,
        "The imports column of the rooms table in ARCHITECTURE.md says otherwise. Data moves one \
                   way: a room that names another cannot be read, tested or replaced without it. Hand it a \
                   noun, or let `runtime` do the wiring; only then change the table.",
    );
}

/// Proves [one-way] for the table itself.
#[test]
fn the_table_allows_no_room_another_room() {
    let (rooms, nouns) = rooms();
    let mut faults = Vec::new();
    for (room, allowed) in rooms.iter().filter(|(room, _)| !WIRES.contains(&room.as_str())) {
        for name in allowed {
            let narrows = NARROWS.contains(&(room.as_str(), name.as_str()));
            if !nouns.contains(name) && !narrows {
                faults.push(format!("`{room}` is allowed `{name}`, which is no noun"));
            }
        }
    }
    told(
        &faults,
        "Nouns import nouns, rooms import nouns, and only `cli` and `runtime` import rooms: see \
                   \"Rooms\" in ARCHITECTURE.md.",
    );
}

#[test]
fn crates_stay_with_their_owners() {
    let manifest = read("Cargo.toml");
    let listed = table(&read("ARCHITECTURE.md"), "## Dependencies");
    let owners: BTreeMap<String, BTreeSet<String>> =
        listed.iter().filter_map(|row| Some((row.first()?.clone(), list(row.get(1))))).collect();
    let mut faults = Vec::new();
    let declared = declared(&manifest);
    for name in declared.iter().filter(|name| !owners.contains_key(*name)) {
        faults.push(format!("`{name}` stands in Cargo.toml and not in ARCHITECTURE.md"));
    }
    for name in owners.keys().filter(|name| !declared.contains(*name) && !in_plugins(name)) {
        faults.push(format!("`{name}` stands in ARCHITECTURE.md and in no Cargo.toml"));
    }
    for path in files("src", &["rs"]) {
        let text = read(&path);
        let (code, _) = split(&text);
        for (name, owners) in owners.iter().filter(|(name, o)| declared.contains(*name) && !o.contains("any"))
        {
            let own = room(&path);
            let in_test =
                owners.contains("tests") && text.contains("#[cfg(test)]") || is_test(&path, &text, 0);
            if names_crate(&code, &name.replace('-', "_")) && !owners.contains(own) && !in_test {
                faults.push(format!("{path}: `{own}` uses `{name}`"));
            }
        }
    }
    told(
        &faults,
        "\"Dependencies\" in ARCHITECTURE.md says which room uses which crate and why. A crate that \
                   one room owns can be replaced in one room.",
    );
}

/// Names under every `dependencies` heading of a manifest.
fn declared(manifest: &str) -> BTreeSet<String> {
    let (mut inside, mut found) = (false, BTreeSet::new());
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("workspace");
        } else if inside && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            let name = line.split([' ', '.', '=']).next().unwrap_or(line);
            found.insert(name.to_owned());
        }
    }
    found
}

fn in_plugins(name: &str) -> bool {
    files("plugins", &["toml"]).iter().any(|path| declared(&read(path)).contains(name))
}

#[test]
fn every_dependency_is_used() {
    let declared = declared(&read("Cargo.toml"));
    let paths = ["src", "tests", "benches"].iter().flat_map(|f| files(f, &["rs"]));
    let all: String =
        paths.filter(|path| path != "tests/tidy.rs").map(|path| split(&read(&path)).0).collect();
    let unused = declared.iter().filter(|name| !names_crate(&all, &name.replace('-', "_")));
    let faults: Vec<String> = unused.map(|name| format!("`{name}`")).collect();
    told(
        &faults,
        "is declared in Cargo.toml and named nowhere: it costs build time and audits. Remove it there \
                   and in ARCHITECTURE.md.",
    );
}

/// Promises of the invariants table.
fn promises() -> BTreeSet<String> {
    let rows = table(&read("ARCHITECTURE.md"), "## Invariants");
    rows.iter().filter_map(|row| row.first()).map(|cell| cell.replace(['[', ']'], "")).collect()
}

/// Slugs such as `[one-way]` in comments. A single word counts in a line of promises only: `[feed]`
/// is also a heading of config.toml.
fn slugs(comments: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in comments.lines() {
        let promises = ["Keeps:", "Proves "].iter().any(|p| line.contains(p));
        for part in line.split('[').skip(1) {
            let Some((slug, _)) = part.split_once(']') else { continue };
            let lower = slug.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            let words = slug.split('-').filter(|w| w.len() > 1).count();
            if lower && words == slug.split('-').count() && (words > 1 || promises) {
                found.insert(slug.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_promise_is_written_kept_and_proven() {
    let promises = promises();
    assert!(promises.len() > 8, "the invariants table of ARCHITECTURE.md was not read: {promises:?}");
    let (mut faults, mut kept, mut proven) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for path in sources() {
        let text = read(&path);
        let (_, comments) = split(&text);
        for slug in slugs(&comments).difference(&promises) {
            faults.push(format!("{path}: [{slug}] is promised nowhere"));
        }
        for (number, line) in comments.lines().enumerate() {
            for slug in promises.iter().filter(|slug| line.contains(&format!("[{slug}]"))) {
                let to = if is_test(&path, &text, number) { &mut proven } else { &mut kept };
                to.insert(slug.clone());
            }
        }
    }
    faults.extend(promises.difference(&kept).map(|slug| format!("[{slug}]: no line says that it keeps it")));
    faults
        .extend(promises.difference(&proven).map(|slug| format!("[{slug}]: no test says that it proves it")));
    told(
        &faults,
        "\"Invariants\" in ARCHITECTURE.md lists the promises. A promise is named where it is kept \
                   (`Keeps:` in the module's header) and in the doc comment of the test that proves it, so that \
                   whoever changes either finds the other.",
    );
}

/// Proves [one-door]: calls into a guest stand in one file.
#[test]
fn a_guest_is_entered_in_one_place() {
    let mut faults = Vec::new();
    for path in files("src", &["rs"]) {
        let code = split(&read(&path)).0;
        let calls = code.contains("TypedFunc") || code.contains("get_typed_func");
        if calls && path != "src/plugin/instance.rs" {
            faults.push(format!("{path} holds a function of a guest"));
        }
    }
    told(
        &faults,
        "[one-door]: whoever calls a guest elsewhere forgets its fuel, its deadline or that it is \
                   dead. Go through `Instance` in src/plugin/instance.rs.",
    );
}

/// Proves [time-enters-once] for the rooms behind the tape.
#[test]
fn behind_the_tape_nobody_reads_the_wall_clock() {
    let mut faults = Vec::new();
    let paths = files("src", &["rs"]).into_iter().filter(|path| CLOCKLESS.contains(&room(path)));
    for path in paths.chain(files("plugins", &["rs"])) {
        let text = read(&path);
        for (number, line) in split(&text).0.lines().enumerate() {
            let read = ["SystemTime::now", "Timestamp::now", "Zoned::now"].iter().any(|c| line.contains(c));
            if read && !is_test(&path, &text, number) && !path.contains("/benches/") {
                faults.push(format!("{path}:{}", number + 1));
            }
        }
    }
    told(
        &faults,
        "[time-enters-once]: a clock that is read here gives another answer in a replay. The time is \
                   on the entry.",
    );
}

#[test]
fn unsafe_code_stands_where_it_is_explained() {
    let paths =
        sources().into_iter().filter(|path| path != "tests/tidy.rs" && !UNSAFE.contains(&path.as_str()));
    let uses = |code: &str| ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|u| code.contains(u));
    let faults: Vec<String> = paths.filter(|path| uses(&split(&read(path)).0)).collect();
    told(&faults, "holds unsafe code. ARCHITECTURE.md (\"Unsafe code\") names the only file that may.");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = |path: &String| !read(path).starts_with("//!");
    let faults: Vec<String> = sources().into_iter().filter(silent).collect();
    told(
        &faults,
        "does not begin with `//!`: a module says in its first lines what it is for, what it owns and \
                   which promises it keeps (CONTRIBUTING.md).",
    );
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let mut faults = Vec::new();
    for path in sources() {
        let lines = read(&path).lines().count();
        let excused = LONG.iter().any(|(long, _)| *long == path);
        if lines > MAX_LINES && !excused {
            faults.push(format!("{path}: {lines} lines"));
        }
        if excused && lines <= MAX_LINES {
            faults.push(format!("{path}: {lines} lines, and excused for more"));
        }
    }
    told(
        &faults,
        "At most 600 lines: cut it where a reader could stop reading. Only a table may be longer, with \
                   its reason in LONG of tests/tidy.rs.",
    );
}

#[test]
fn nothing_is_left_for_later_and_nothing_names_one_machine() {
    // Written in two parts, so that this line is not found itself.
    let left = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("#[ig", "nore")];
    let machine = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), "/Users/", "/tmp/", "C:\\"];
    let mut faults = Vec::new();
    let all = files(".", &["rs", "toml", "md", "wit", "expect"]).into_iter();
    for path in all.map(|p| p.trim_start_matches("./").to_owned()).filter(|p| p != "tests/tidy.rs") {
        let text = fs::read(root().join(&path)).unwrap_or_default();
        for (number, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            if let Some(what) = left.iter().chain(&machine).find(|what| line.contains(**what)) {
                faults.push(format!("{path}:{}: {what}", number + 1));
            }
        }
    }
    told(
        &faults,
        "Nothing half-built stands here: what is not done yet is a limit in README.md or a decision in \
                   docs/decisions. A path of one machine is wrong on every other.",
    );
}

/// Words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_tests_that_the_faults_name_exist() {
    let tests: String = sources().iter().map(|path| split(&read(path)).0).collect();
    let text = read("docs/faults.md");
    let mut faults = Vec::new();
    let is_name = |name: &&str| name.matches('_').count() > 1 && !name.contains(['.', '/', ' ']);
    let mut names = 0;
    for name in text.lines().filter(|line| line.starts_with('|')).flat_map(quoted).filter(is_name) {
        names += 1;
        if !tests.contains(&format!("fn {name}(")) {
            faults.push(format!("`{name}`"));
        }
    }
    assert!(names > 40, "docs/faults.md was not read: {names} names of tests");
    told(
        &faults,
        "is named in docs/faults.md and is no test: a fault that nothing proves is to be said so there.",
    );
}

#[test]
fn what_the_documents_point_at_exists() {
    let mut faults = Vec::new();
    for path in files(".", &["md"]).iter().map(|p| p.trim_start_matches("./")) {
        let text = read(path);
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let target = link.split('#').next().unwrap_or(link);
            let outside = target.contains("://") || target.is_empty();
            if !outside && !root().join(folder).join(target).exists() {
                faults.push(format!("{path}: {link}"));
            }
        }
    }
    told(&faults, "leads nowhere.");
}

#[test]
fn the_commands_of_the_documents_exist() {
    let cli = read("src/cli.rs");
    let commands = cli.split_once("enum Command {").map_or("", |(_, rest)| rest);
    // A variant stands alone on its line.
    let commands = commands.split("\n}").next().unwrap_or(commands).to_lowercase();
    let commands: Vec<String> = commands
        .lines()
        .filter(|l| !l.trim_start().starts_with(['/', '#']))
        .map(|l| word(l.trim()))
        .collect();
    let mut faults = Vec::new();
    for path in ["README.md", "plugins/README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let mut fenced = false;
        for (number, line) in read(path).lines().enumerate() {
            fenced ^= line.starts_with("```");
            // In prose a command stands in backticks; "tradehook keeps" is none.
            let prose = quoted(line).into_iter().filter(|part| part.starts_with("tradehook "));
            let calls: Vec<&str> = if fenced { vec![line] } else { prose.collect() };
            for call in calls {
                let rest =
                    call.strip_prefix("tradehook ").or_else(|| call.split_once("--release -- ").map(|c| c.1));
                let Some(name) = rest.map(word) else { continue };
                if !commands.contains(&name) {
                    faults.push(format!("{path}:{}: tradehook {name}", number + 1));
                }
            }
        }
    }
    told(&faults, "is no command of src/cli.rs.");
}
