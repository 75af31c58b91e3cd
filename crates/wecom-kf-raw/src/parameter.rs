//! What may stand in a query or a path: texts, numbers, booleans, optional ones and secrets.

use crate::{AccessToken, CorpSecret, SyncToken};

/// A value that a call carries in its query or its path.
///
/// Secrets implement it, too: that is why it is not `Display`.
pub(crate) trait Parameter: Sync {
    /// Hands its text to `sink`; an optional value that is absent does not call it.
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
