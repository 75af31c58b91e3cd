//! The types of parameters in a query or a path: texts, numbers, booleans, secrets, and optional values of these.

use crate::{AccessToken, CorpSecret, SyncToken};

/// A value of a parameter in the query or the path.
///
/// It is a trait of its own instead of `Display`, because secrets implement it but must not implement `Display`.
pub(crate) trait Parameter: Sync {
    /// Calls `sink` with the text of the value. An absent optional value does not call it.
    fn write(&self, sink: &mut dyn FnMut(&str));
}

impl Parameter for str {
    fn write(&self, sink: &mut dyn FnMut(&str)) {
        sink(self);
    }
}

impl Parameter for String {
    fn write(&self, sink: &mut dyn FnMut(&str)) {
        sink(self);
    }
}

impl<P: Parameter + ?Sized> Parameter for &P {
    fn write(&self, sink: &mut dyn FnMut(&str)) {
        (**self).write(sink);
    }
}

impl<P: Parameter> Parameter for Option<P> {
    fn write(&self, sink: &mut dyn FnMut(&str)) {
        if let Some(value) = self {
            value.write(sink);
        }
    }
}

macro_rules! displayed {
    ($($ty:ty)*) => {
        $(impl Parameter for $ty {
            fn write(&self, sink: &mut dyn FnMut(&str)) {
                sink(&self.to_string());
            }
        })*
    };
}

displayed!(bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

macro_rules! secret {
    ($($ty:ty)*) => {
        $(impl Parameter for $ty {
            fn write(&self, sink: &mut dyn FnMut(&str)) {
                sink(self.expose());
            }
        })*
    };
}

secret!(AccessToken CorpSecret SyncToken);
