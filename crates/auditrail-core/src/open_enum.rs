//! Enums that name the values we know and keep any other text unchanged.

/// Makes an enum of known values plus `Other`, whose text is never one of the known values.
///
/// That `Other` cannot be built by hand is what makes comparing two values comparing their text.
macro_rules! open_enum {
    (
        $(#[$doc:meta])* $name:ident, other = $other:ident, check = $check:path,
        { $( $(#[$variant_doc:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
            /// Any other text, kept as it is.
            Other($other),
        }

        /// Text that is none of the known values. Only parsing makes one.
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub struct $other(Box<str>);

        impl $other {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $name {
            /// The known values, as text.
            pub const KNOWN: &[&str] = &[$($text),+];

            /// Takes text that is in the table already, whatever it holds.
            #[must_use]
            pub fn from_stored(text: impl Into<Box<str>> + AsRef<str>) -> Self {
                match text.as_ref() {
                    $( $text => Self::$variant, )+
                    _ => Self::Other($other(text.into())),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(other) => &other.0,
                }
            }

            fn check(text: &str) -> Result<(), $crate::error::ValueError> {
                $check(text)
            }
        }

        $crate::text::text_impls!($name);
    };
}
pub(crate) use open_enum;
