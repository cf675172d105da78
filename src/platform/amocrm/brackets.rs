//! Reads PHP-style form bodies: `leads[status][0][id]=1` becomes a tree. Never fails on an unusual key and
//! never recurses; it only limits size, depth and number of keys. Enter at [`parse`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::bounded::{self, REQUEST, TooMuch};

/// Deepest nesting that is read; the platform's own bodies stay under 8.
const DEPTH_MAX: usize = 16;
/// Most levels of all keys together; real bodies have fewer than two for a pair.
const NODES_MAX: usize = 10_000;

/// One level of a key. Numbers compare as numbers, so lists keep their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPart {
    Index(u64),
    Name(String),
}

/// A scalar, a map, or both under one key (this has been seen): then the scalar is in `text`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub text: Option<String>,
    pub children: BTreeMap<KeyPart, Node>,
    /// What `[]` takes next.
    next: u64,
}

/// Decodes percent signs and pluses, then nests by brackets, whether literal or encoded.
pub fn parse(body: &[u8]) -> Result<Node, TooMuch> {
    let mut root = Node::default();
    let mut nodes = 0;
    for (key, value) in bounded::form(body, &REQUEST)? {
        let mut node = &mut root;
        for (depth, part) in parts(&key).enumerate() {
            if depth >= DEPTH_MAX {
                return Err(TooMuch::Depth);
            }
            let key = node.key(part);
            if let KeyPart::Index(index) = key {
                node.next = node.next.max(index.saturating_add(1));
            }
            node = match node.children.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    nodes += 1;
                    if nodes > NODES_MAX {
                        return Err(TooMuch::Values);
                    }
                    new.insert(Node::default())
                }
            };
        }
        node.text = Some(value.into_owned());
    }
    Ok(root)
}

impl Node {
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.children.get(&as_key(name))
    }

    /// The scalar under `name`; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.text.as_deref().filter(|text| !text.is_empty())
    }

    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.trim().parse().ok()
    }

    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// An empty bracket `[]` takes the next free index, as in PHP.
    fn key(&self, part: &str) -> KeyPart {
        if !part.is_empty() {
            return as_key(part);
        }
        KeyPart::Index(self.next)
    }
}

fn as_key(part: &str) -> KeyPart {
    match part.parse::<u64>() {
        // «007» is a name: only the canonical spelling is an index.
        Ok(index) if index.to_string() == part => KeyPart::Index(index),
        _ => KeyPart::Name(part.to_owned()),
    }
}

/// `a[b][0]` → `a`, `b`, `0`. A bracket that is never closed is part of the name.
fn parts(key: &str) -> impl Iterator<Item = &str> {
    let (head, rest) = match key.find('[') {
        Some(at) if at > 0 && key.ends_with(']') => (&key[..at], &key[at + 1..key.len() - 1]),
        _ => (key, ""),
    };
    let nested = key.len() != head.len();
    std::iter::once(head).chain(rest.split("][").take(if nested { usize::MAX } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, path: &[&str], expected: Option<&str>) {
        let tree = parse(body.as_bytes()).expect("small");
        let node = path.iter().try_fold(&tree, |node, part| node.get(part));
        assert_eq!(node.and_then(|node| node.text.as_deref()), expected, "{body}");
    }

    #[test]
    fn keys_nest_by_brackets() {
        check("leads%5Badd%5D%5B0%5D%5Bid%5D=7", &["leads", "add", "0", "id"], Some("7"));
        check("leads[add][0][id]=7", &["leads", "add", "0", "id"], Some("7"));
        check("plain=a+b%20c%2B", &["plain"], Some("a b c+"));
        check("list[]=a&list[]=b", &["list", "1"], Some("b"));
        check("list[7]=a&list[x]=b&list[]=c", &["list", "8"], Some("c"));
        check("list[][a]=1&list[][b]=2", &["list", "1", "b"], Some("2"));
        check("odd[never=1", &["odd[never"], Some("1"));
        check("a[b]=1", &["a", "c"], None);
        check("=1&[x]=2", &["[x]"], Some("2"));
    }

    #[test]
    fn a_key_that_is_scalar_and_map_keeps_both() {
        let body = "note[type]=3&note[type][message_uuid]=u";
        check(body, &["note", "type"], Some("3"));
        check(body, &["note", "type", "message_uuid"], Some("u"));
    }

    #[test]
    fn lists_keep_their_numeric_order() {
        let tree = parse(b"l[10]=c&l[2]=b&l[0]=a").expect("small");
        let texts: Vec<_> = tree.get("l").unwrap().children.values().filter_map(|n| n.text.clone()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn too_much_is_refused() {
        let deep = format!("a{}=1", "[b]".repeat(DEPTH_MAX));
        assert_eq!(parse(deep.as_bytes()), Err(TooMuch::Depth));
        let many = "a=1&".repeat(REQUEST.values + 1);
        assert_eq!(parse(many.as_bytes()), Err(TooMuch::Values));
        let levels: String = (0..NODES_MAX / 5).map(|n| format!("a[{n}][b][c][d][e][f]=1&")).collect();
        assert_eq!(parse(levels.as_bytes()), Err(TooMuch::Values));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, keys in "[a\\[\\]0-9%5BD=&]{0,60}") {
            let _ = parse(&body);
            let _ = parse(keys.as_bytes());
        }
    }
}
