//! Secrets by reference: a variable of the environment, or a file.

use super::super::{
    Secret,
    walk::{Item, Section},
};

/// The secret that `env` or `file` names, with its place; neither: none.
pub(super) fn named<'a>(
    s: &mut Section<'a>,
    env: &'static str,
    file: &'static str,
) -> Option<(Item<'a>, Secret)> {
    match (s.get(env), s.get(file)) {
        (Some(_), Some(item)) => {
            item.fault(format!("{env} and {file} exclude each other"), "keep one of them".to_owned());
            None
        }
        (Some(item), None) => variable(&item).map(|value| (item, Secret::new(value))),
        (None, Some(item)) => secret_file(&item).map(|value| (item, Secret::new(value))),
        (None, None) => None,
    }
}

/// Likewise, where there must be one; `what` needs it, `example` is a variable's name.
pub(super) fn needed<'a>(
    s: &mut Section<'a>,
    keys: (&'static str, &'static str),
    what: &str,
    example: &str,
) -> Option<(Item<'a>, Secret)> {
    let (env, file) = keys;
    let written = s.get(env).is_some() || s.get(file).is_some();
    if !written {
        s.fault(format!("{what} needs {env}"), format!("write {env} = \"{example}\", or {file}"));
    }
    named(s, env, file)
}

/// Several of `env`: a name, or an array of names, whose values are joined by spaces.
pub(super) fn variables(item: &Item<'_>) -> Option<String> {
    if item.value.as_array().is_none() {
        return variable(item);
    }
    let items = item.items("[\"NEW_SECRET\", \"OLD_SECRET\"]")?;
    if items.is_empty() {
        item.fault("no variable is named", None);
        return None;
    }
    let values: Vec<_> = items.iter().map(variable).collect();
    Some(values.into_iter().collect::<Option<Vec<_>>>()?.join(" "))
}

/// The value of the variable that `item` names.
pub(super) fn variable(item: &Item<'_>) -> Option<String> {
    let name = item.string("the name of an environment variable", "\"HOOK_SECRET\"")?;
    let lawful = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !lawful {
        // Somebody may have written the secret itself here.
        item.walk.hide(item.span.clone());
        item.fault(
            "this is not the name of an environment variable",
            "write it without $ and braces".to_owned(),
        );
        return None;
    }
    let value = item.walk.outside.variable(name).filter(|v| !v.is_empty());
    if value.is_none() {
        item.fault(format!("the environment variable {name} is not set"), format!("set {name} to the value"));
    }
    value
}

pub(super) fn secret_file(item: &Item<'_>) -> Option<String> {
    let path = item.path()?;
    let (text, open) = match item.walk.outside.secret_file(&path) {
        Ok(read) => read,
        Err(why) => {
            item.fault(format!("cannot read the secret: {why}"), format!("looked for {}", path.display()));
            return None;
        }
    };
    if open {
        let help = format!("chmod 600 {}", path.display());
        item.walk.warn(item, "every user of this machine can read this secret".into(), help);
    }
    let secret = text.trim();
    if secret.is_empty() {
        item.fault("the file of the secret is empty", None);
        return None;
    }
    Some(secret.to_owned())
}
