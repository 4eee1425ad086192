//! Fields in bytes, in the byte order of the machine.

/// A value of fixed size.
pub(crate) trait Field: Sized {
    /// Writes it to the beginning of `into`; nothing when there is no room.
    fn put(&self, into: &mut [u8]);

    /// Reads it from the beginning of `from`; missing bytes count as 0.
    fn take(from: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            fn put(&self, into: &mut [u8]) {
                self.to_ne_bytes().put(into);
            }

            fn take(from: &[u8]) -> Self {
                Self::from_ne_bytes(Field::take(from))
            }
        }
    )*};
}

numbers!(u16, u32, u64);

impl<const N: usize> Field for [u8; N] {
    fn put(&self, into: &mut [u8]) {
        if let Some(place) = into.first_chunk_mut() {
            *place = *self;
        }
    }

    fn take(from: &[u8]) -> Self {
        from.first_chunk().copied().unwrap_or([0; N])
    }
}

/// A structure of the kernel's, with its layout, that is encoded and decoded by field.
///
/// Fields are named by the structure itself, so that each field's place is the compiler's `offset_of!`; what is
/// padding in the kernel's structure is not a field here.
macro_rules! layout {
    (
        $(#[$about:meta])*
        $name:ident, $bytes:literal bytes {
            $($(#[$about_field:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub(crate) struct $name {
            $($(#[$about_field])* pub(crate) $field: $type,)*
        }

        // Where 64-bit words are aligned to 8 bytes, the kernel pads every structure to a multiple of that.
        const _: () = assert!(
            size_of::<$name>().next_multiple_of(8) == $bytes || align_of::<u64>() < 8
        );

        impl $crate::abi::bytes::Field for $name {
            fn put(&self, into: &mut [u8]) {
                $(if let Some(place) = into.get_mut(std::mem::offset_of!($name, $field)..) {
                    $crate::abi::bytes::Field::put(&self.$field, place);
                })*
            }

            fn take(from: &[u8]) -> Self {
                Self {$(
                    $field: $crate::abi::bytes::Field::take(
                        from.get(std::mem::offset_of!($name, $field)..).unwrap_or_default(),
                    ),
                )*}
            }
        }
    };
}

pub(super) use layout;
