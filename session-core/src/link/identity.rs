use std::sync::Arc;

/// Who the user of a link is: a name, and the groups the user is in.
///
/// ```
/// use session_core::Identity;
///
/// let ann = Identity::new("ann").group("staff").group("admin");
/// assert_eq!((ann.user(), ann.groups().len()), (Some("ann"), 2));
/// assert_eq!(Identity::anonymous().user(), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity(Option<Arc<Known>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    user: Option<String>,
    groups: Vec<String>,
}

impl Identity {
    /// The user of this name, in no group yet.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self::from_parts(Some(user.into()), Vec::new())
    }

    /// Nobody in particular.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self(None)
    }

    pub(crate) fn from_parts(user: Option<String>, groups: Vec<String>) -> Self {
        if user.is_none() && groups.is_empty() {
            return Self::anonymous();
        }
        Self(Some(Arc::new(Known { user, groups })))
    }

    /// And in this group.
    #[must_use]
    pub fn group(self, group: impl Into<String>) -> Self {
        let known = self.0.map(Arc::unwrap_or_clone);
        let Known { user, mut groups } = known.unwrap_or(Known { user: None, groups: Vec::new() });
        groups.push(group.into());
        Self::from_parts(user, groups)
    }

    /// The user's name; `None` for nobody in particular.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.as_ref()?.user.as_deref()
    }

    /// The groups the user is in, in the order they were named.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |known| &known.groups)
    }
}
