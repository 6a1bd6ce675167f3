//! `tradehook venue` as a person meets it.

use super::support::{Folder, command};

#[test]
fn a_script_with_a_mistake_is_refused_and_every_name_of_a_fault_is_told() {
    let folder = Folder::new();
    folder.write("faults.toml", "[[fault]]\nat = \"1s\"\nname = \"stal\"\n");
    let refused = command(folder.path(), ["venue", "--port", "0", "--faults", "faults.toml"]).expect(78);
    assert!(refused.log.contains("faults.toml: fault 1 (stal)"), "{}", refused.log);
    assert!(refused.log.contains("did you mean \"stall\"?"), "{}", refused.log);
    command(folder.path(), ["venue", "--port", "0", "--faults", "none.toml"]).expect(69);
    let usage = command(folder.path(), ["venue", "--port", "0", "--history", "3"]).expect(64);
    assert!(usage.log.contains("--history = \"3\" is no time"), "{}", usage.log);
    let names = command(folder.path(), ["venue", "--list-faults"]).expect(0);
    assert!(names.out.lines().count() > 40 && names.out.contains("stall\n"), "{}", names.out);
}
