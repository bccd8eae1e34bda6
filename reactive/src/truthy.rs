//! Requirements: stop quietly unless there is something to work with.

use crate::Interrupt;

/// Whether a datum is something to work with. `false`, zero, the empty and the absent are not (D16).
pub trait Truthy {
    /// Whether it counts as present.
    fn is_truthy(&self) -> bool;
}

/// Gives back `datum` if it is something to work with (D16).
///
/// # Errors
/// [`Interrupt::Silent`] if it is `false`, zero, empty or absent.
pub fn req<T: Truthy>(datum: T) -> Result<T, Interrupt> {
    if datum.is_truthy() { Ok(datum) } else { Err(Interrupt::Silent) }
}

/// Like [`req`], but leaves an output as it is (D17).
///
/// # Errors
/// [`Interrupt::Cancel`] if it is `false`, zero, empty or absent.
pub fn req_cancel<T: Truthy>(datum: T) -> Result<T, Interrupt> {
    if datum.is_truthy() { Ok(datum) } else { Err(Interrupt::Cancel) }
}

/// Like [`req`], but tells an output that its content is on its way (D17).
///
/// # Errors
/// [`Interrupt::InProgress`] if it is `false`, zero, empty or absent.
pub fn req_in_progress<T: Truthy>(datum: T) -> Result<T, Interrupt> {
    if datum.is_truthy() { Ok(datum) } else { Err(Interrupt::InProgress) }
}

impl Truthy for bool {
    fn is_truthy(&self) -> bool {
        *self
    }
}

impl Truthy for () {
    fn is_truthy(&self) -> bool {
        false
    }
}

macro_rules! truthy_unless_zero {
    ($($number:ty)*) => {$(
        impl Truthy for $number {
            fn is_truthy(&self) -> bool {
                *self != (0 as $number)
            }
        }
    )*};
}
truthy_unless_zero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

impl Truthy for str {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

impl Truthy for String {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

impl<T> Truthy for [T] {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

impl<T, const N: usize> Truthy for [T; N] {
    fn is_truthy(&self) -> bool {
        N != 0
    }
}

impl<T> Truthy for Vec<T> {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

/// Absent is falsy, and so is the presence of something falsy.
impl<T: Truthy> Truthy for Option<T> {
    fn is_truthy(&self) -> bool {
        self.as_ref().is_some_and(T::is_truthy)
    }
}

impl<T: Truthy + ?Sized> Truthy for &T {
    fn is_truthy(&self) -> bool {
        (**self).is_truthy()
    }
}

impl<T: Truthy + ?Sized> Truthy for Box<T> {
    fn is_truthy(&self) -> bool {
        (**self).is_truthy()
    }
}

impl<T: Truthy + ?Sized> Truthy for std::sync::Arc<T> {
    fn is_truthy(&self) -> bool {
        (**self).is_truthy()
    }
}

impl<K, V, S> Truthy for std::collections::HashMap<K, V, S> {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> Truthy for std::collections::BTreeMap<K, V> {
    fn is_truthy(&self) -> bool {
        !self.is_empty()
    }
}

/// A requirement of several: all of them (D16).
macro_rules! truthy_when_all_are {
    ($($name:ident)*) => {
        impl<$($name: Truthy),*> Truthy for ($($name,)*) {
            fn is_truthy(&self) -> bool {
                #[allow(non_snake_case, reason = "a type parameter doubles as the name of its field")]
                let ($($name,)*) = self;
                $($name.is_truthy())&&*
            }
        }
    };
}
truthy_when_all_are!(A B);
truthy_when_all_are!(A B C);
truthy_when_all_are!(A B C D);
