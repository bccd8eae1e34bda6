//! Names on the wire: ids, the namespaces of modules, and tables ordered by them.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// Where a scope stands: the root, or the ids of the modules that lead to it, joined by `-`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Option<Arc<str>>);

impl Namespace {
    /// The namespace of the root.
    pub const ROOT: Self = Self(None);

    /// Whether this is the root.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// As on the wire; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The namespace this one is within; `None` for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let path = self.0.as_deref()?;
        Some(match path.rsplit_once(SEPARATOR) {
            Some((parent, _)) => Self(Some(parent.into())),
            None => Self::ROOT,
        })
    }

    /// The namespace that a whole name lies in.
    #[cfg(feature = "testing")]
    pub(crate) fn of(name: &str) -> Self {
        name.rsplit_once(SEPARATOR).map_or(Self::ROOT, |(path, _)| Self::nested(path))
    }

    /// How many modules it is inside: 0 for the root.
    pub(crate) fn depth(&self) -> usize {
        self.0.as_deref().map_or(0, |path| 1 + path.matches(SEPARATOR).count())
    }

    /// `name` within this namespace, as on the wire.
    pub(crate) fn join(&self, name: &str) -> String {
        match &self.0 {
            None => name.to_owned(),
            Some(path) => format!("{path}{SEPARATOR}{name}"),
        }
    }

    /// The namespace of a module, by its whole id.
    pub(crate) fn nested(path: &str) -> Self {
        Self(Some(path.into()))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({:?})", self.as_str())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Joins the ids of nested modules on the wire, and so may stand in none of them.
const SEPARATOR: &str = "-";
/// The character after [`SEPARATOR`]: everything in namespace `a` sorts between `a-` and `a.`.
const AFTER_SEPARATOR: char = '.';

/// An id that is already resolved: it means the same in every scope (H4).
///
/// ```
/// use session_core::AbsoluteId;
/// assert_eq!(AbsoluteId::new("editor-text")?.as_str(), "editor-text");
/// assert!(AbsoluteId::new("editor--text").is_err());
/// # Ok::<(), session_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsoluteId(Box<str>);

impl AbsoluteId {
    /// Parses ids joined by `-`.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] when one of them is not an id.
    pub fn new(id: &str) -> Result<Self, InvalidId> {
        if id.split(SEPARATOR).all(is_plain) {
            Ok(Self(id.into()))
        } else {
            Err(InvalidId::new(id))
        }
    }

    /// As on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AbsoluteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the methods of a session take as an id: text, which is relative to the scope, or an [`AbsoluteId`].
pub trait Id: sealed::Sealed {
    /// The whole id of an input or output of scope `scope`, as on the wire.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] unless it is letters, digits and underscores, after one leading dot if any (H5).
    fn resolve(&self, scope: &Namespace) -> Result<String, InvalidId>;

    /// The namespace of a module of scope `scope`.
    ///
    /// # Errors
    ///
    /// [`InvalidId`] unless it is letters, digits and underscores (decision 20).
    fn resolve_module(&self, scope: &Namespace) -> Result<Namespace, InvalidId>;
}

impl Id for str {
    fn resolve(&self, scope: &Namespace) -> Result<String, InvalidId> {
        if is_plain(self.strip_prefix('.').unwrap_or(self)) {
            Ok(scope.join(self))
        } else {
            Err(InvalidId::new(self))
        }
    }

    fn resolve_module(&self, scope: &Namespace) -> Result<Namespace, InvalidId> {
        if is_plain(self) {
            Ok(Namespace::nested(&scope.join(self)))
        } else {
            Err(InvalidId::new(self))
        }
    }
}

impl Id for String {
    fn resolve(&self, scope: &Namespace) -> Result<String, InvalidId> {
        self.as_str().resolve(scope)
    }

    fn resolve_module(&self, scope: &Namespace) -> Result<Namespace, InvalidId> {
        self.as_str().resolve_module(scope)
    }
}

impl Id for AbsoluteId {
    fn resolve(&self, _scope: &Namespace) -> Result<String, InvalidId> {
        Ok(self.0.to_string())
    }

    fn resolve_module(&self, _scope: &Namespace) -> Result<Namespace, InvalidId> {
        Ok(Namespace::nested(&self.0))
    }
}

impl<T: Id + ?Sized> Id for &T {
    fn resolve(&self, scope: &Namespace) -> Result<String, InvalidId> {
        (**self).resolve(scope)
    }

    fn resolve_module(&self, scope: &Namespace) -> Result<Namespace, InvalidId> {
        (**self).resolve_module(scope)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for str {}
    impl Sealed for String {}
    impl Sealed for super::AbsoluteId {}
    impl<T: Sealed + ?Sized> Sealed for &T {}
}

fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{id:?} is not an id: letters, digits and underscores only ('-' joins the ids of nested modules)"
)]
pub struct InvalidId {
    id: Box<str>,
}

impl InvalidId {
    fn new(id: &str) -> Self {
        Self { id: id.into() }
    }
}

/// A table whose keys are names on the wire, ordered so that what lies within a namespace lies together.
#[derive(Debug)]
pub(crate) struct Names<T>(BTreeMap<Box<str>, T>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Names<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.0.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.get_mut(name)
    }

    /// Everything, in the order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, item)| (&**name, item))
    }

    pub(crate) fn insert(&mut self, name: &str, item: T) -> Option<T> {
        match self.0.get_mut(name) {
            Some(slot) => Some(std::mem::replace(slot, item)),
            None => self.0.insert(name.into(), item),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<T> {
        self.0.remove(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes what lies within the namespace `within`, which is everything for the root. What is named
    /// exactly like the namespace belongs to its parent and stays (I17).
    pub(crate) fn remove_within(&mut self, within: &Namespace) -> Vec<T> {
        if within.is_root() {
            return std::mem::take(&mut self.0).into_values().collect();
        }
        self.remove_prefixed("", within)
    }

    /// As [`Self::remove_within`], for names that stand after `prefix`.
    pub(crate) fn remove_prefixed(&mut self, prefix: &str, within: &Namespace) -> Vec<T> {
        let start = self.start(prefix, within);
        let mut removed = Vec::new();
        while let Some((name, _)) = self.from(&start).next()
            && name.starts_with(&start)
        {
            let name = name.clone();
            removed.extend(self.0.remove(&name));
        }
        removed
    }

    /// What the names within a namespace begin with. An empty table, as most are for most modules, is not asked.
    fn start(&self, prefix: &str, within: &Namespace) -> String {
        let separator = if within.is_root() { "" } else { SEPARATOR };
        if self.0.is_empty() {
            String::new()
        } else {
            [prefix, within.as_str(), separator].concat()
        }
    }

    fn from(&self, start: &str) -> btree_map::Range<'_, Box<str>, T> {
        self.0.range::<str, _>((Bound::Included(start), Bound::Unbounded))
    }

    /// What lies within the namespace `within`, which is everything for the root.
    pub(crate) fn within(&self, within: &Namespace) -> impl Iterator<Item = (&str, &T)> {
        self.prefixed("", within)
    }

    /// As [`Self::within`], for names that stand after `prefix`.
    pub(crate) fn prefixed(
        &self,
        prefix: &str,
        within: &Namespace,
    ) -> impl Iterator<Item = (&str, &T)> {
        let start = self.start(prefix, within);
        let named = self.from(&start).map(|(name, item)| (&**name, item));
        named.take_while(move |(name, _)| name.starts_with(&start))
    }
}

/// What scopes own, by number, in the order it was made.
#[derive(Debug)]
pub(crate) struct Owned<T> {
    next: u64,
    items: BTreeMap<u64, (Namespace, T)>,
    /// The same, by owner: names and numbers.
    owners: std::collections::BTreeSet<(Namespace, u64)>,
}

impl<T> Default for Owned<T> {
    fn default() -> Self {
        Self { next: 0, items: BTreeMap::new(), owners: std::collections::BTreeSet::new() }
    }
}

impl<T> Owned<T> {
    pub(crate) fn insert(&mut self, owner: &Namespace, item: T) -> u64 {
        let key = self.reserve();
        self.insert_at(key, owner, item);
        key
    }

    /// A number for an item that [`Self::insert_at`] will add.
    pub(crate) const fn reserve(&mut self) -> u64 {
        let key = self.next;
        self.next += 1;
        key
    }

    pub(crate) fn insert_at(&mut self, key: u64, owner: &Namespace, item: T) {
        self.items.insert(key, (owner.clone(), item));
        self.owners.insert((owner.clone(), key));
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<(&Namespace, &mut T)> {
        self.items.get_mut(&key).map(|(owner, item)| (&*owner, item))
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<(Namespace, T)> {
        let (owner, item) = self.items.remove(&key)?;
        let entry = (owner, key);
        self.owners.remove(&entry);
        Some((entry.0, item))
    }

    /// Whose each is.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = &Namespace> {
        self.owners.iter().map(|(owner, _)| owner)
    }

    /// Everything with its number and its owner, in the order it was made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Namespace, &T)> {
        self.items.iter().map(|(key, (owner, item))| (*key, owner, item))
    }

    pub(crate) fn keys(&self) -> Vec<u64> {
        self.items.keys().copied().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many there ever were: what is made from now on has this number or a later one.
    pub(crate) const fn made(&self) -> u64 {
        self.next
    }

    /// What the scope `within` and the scopes below it own, by owner.
    pub(crate) fn within(&self, within: &Namespace) -> Vec<(Namespace, u64)> {
        if self.items.is_empty() {
            return Vec::new();
        }
        if within.is_root() {
            return self.owners.iter().cloned().collect();
        }
        let below = Namespace::nested(&format!("{within}{SEPARATOR}"));
        let after = Namespace::nested(&format!("{within}{AFTER_SEPARATOR}"));
        self.owners
            .range((within.clone(), 0)..=(within.clone(), u64::MAX))
            .chain(self.owners.range((below, 0)..(after, 0)))
            .cloned()
            .collect()
    }

    /// Removes what the scope `within` and the scopes below it own.
    pub(crate) fn remove_within(&mut self, within: &Namespace) -> Vec<T> {
        let keys = self.within(within);
        keys.into_iter().filter_map(|(_, key)| self.remove(key)).map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(path: &str) -> Namespace {
        Namespace::nested(path)
    }

    // spec: H1
    #[test]
    fn ids_nest_below_their_namespaces() {
        let a = "a".resolve_module(&Namespace::ROOT).unwrap();
        let b = "b".resolve_module(&a).unwrap();
        assert_eq!("x".resolve(&b).unwrap(), "a-b-x");
        assert_eq!(b.parent(), Some(a.clone()));
        assert_eq!(a.parent(), Some(Namespace::ROOT));
        assert_eq!(Namespace::ROOT.parent(), None);
    }

    // spec: H4
    #[test]
    fn an_absolute_id_is_the_same_in_every_scope() {
        let id = AbsoluteId::new("a-x").unwrap();
        assert_eq!(id.resolve(&ns("deep-er")).unwrap(), "a-x");
        assert_eq!(id.resolve_module(&ns("deep-er")).unwrap(), ns("a-x"));
    }

    // spec: H5 H6 I24
    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["", " ", "a b", "a-b", "..a", "a\n", "-", ".", "a.b"] {
            assert!(id.resolve(&Namespace::ROOT).is_err(), "{id:?} as an id");
            assert!(id.resolve_module(&Namespace::ROOT).is_err(), "{id:?} as a module");
        }
        for id in ["a", "_", "a1", "über", "名前"] {
            assert!(id.resolve(&Namespace::ROOT).is_ok(), "{id:?}");
            assert!(id.resolve_module(&Namespace::ROOT).is_ok(), "{id:?}");
        }
        assert!(".hidden".resolve(&Namespace::ROOT).is_ok());
        assert!(".hidden".resolve_module(&Namespace::ROOT).is_err());
    }

    // spec: I10
    #[test]
    fn a_namespace_holds_its_own_names_and_no_sibling_with_a_longer_one() {
        let mut names = Names::default();
        for name in ["a", "a-x", "a-c-x", "ab-x", "a_b-x", "a1-x", "b-x", "a.x"] {
            names.insert(name, name);
        }
        assert_eq!(names.remove_within(&ns("a")), ["a-c-x", "a-x"]);
        assert_eq!(names.len(), 6);
    }

    #[test]
    fn what_a_scope_and_those_below_own_is_removed_with_it() {
        let mut owned = Owned::default();
        for owner in ["a", "a-c", "ab", "a_b", "b"] {
            owned.insert(&ns(owner), owner);
        }
        owned.insert(&Namespace::ROOT, "");
        assert_eq!(owned.remove_within(&ns("a")), ["a", "a-c"]);
        assert_eq!(owned.len(), 4);
        assert_eq!(owned.remove_within(&Namespace::ROOT).len(), 4);
        assert!(owned.owners.is_empty());
    }
}
