//! Enums of known values that preserve any other text.

/// Defines an enum of known values and `Other`, whose text is never one of the known values.
///
/// `Other` cannot be constructed directly, so two values are equal if and only if their text is.
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
            /// Any other text.
            Other($other),
        }

        /// Text that is not one of the known values. Constructed by parsing only.
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

            /// Wraps text from the table without validation.
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

            /// Checks the rules of new records.
            pub(crate) fn check(text: &str) -> Result<(), $crate::error::ValueError> {
                $check(text)
            }
        }

        $crate::text::text_impls!($name);
    };
}
pub(crate) use open_enum;
