//! All options. An option is declared once, by its entry in a `section!`: key, kind (type, unit and bounds), default,
//! reload class and description. Parsing, the reference, the example and `egret config show` all use these entries.

mod access;
mod capture;
mod enforce;
mod json;
mod metrics;
mod names;
mod otlp;
mod parquet;
mod service;

use self::access::{Access, Field};
pub use self::capture::Capture;
use self::enforce::{Ask, Fallback};
pub use self::enforce::{Baseline, Enforce};
use self::json::Json;
use self::metrics::Metrics;
pub use self::names::Names;
use self::otlp::Otlp;
use self::parquet::Parquet;
pub use self::service::Control;
use self::service::{Log, Shutdown};

/// A section of the file.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    about: &'static str,
    pub(crate) options: &'static [Entry],
}

/// An option.
pub(crate) struct Entry {
    /// Section and key, such as `parquet.rotate_after`.
    pub(crate) key: &'static str,
    pub(crate) default: DefaultValue,
    pub(crate) reload: Reload,
    about: &'static str,
    pub(crate) access: &'static dyn Access,
}

/// The default of an option.
#[derive(Clone, Copy)]
pub(crate) enum DefaultValue {
    /// A value, written as in a variable.
    Text(&'static str),
    /// No value.
    Unset {
        /// The behaviour without a value.
        means: &'static str,
        /// A possible value as TOML.
        example: &'static str,
    },
}

/// When the new value of an option takes effect on a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// At once.
    Live,
    /// The sink is drained and restarted.
    Sink,
    /// After a restart of egret.
    Restart,
}

/// Declares a section: a struct with a field for each option, and the entries.
///
/// ```text
/// section! {
///     /// Markdown, a paragraph about the section.
///     VISIBILITY NAME: STRUCT {
///         /// Markdown: the meaning of the option, and the reason for its default.
///         KEY: KIND = "DEFAULT", RELOAD;
///         KEY: KIND = unset "BEHAVIOUR WITHOUT A VALUE", example "TOML", RELOAD;
///     }
/// }
/// ```
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $vis:vis $section:ident: $struct:ident { $(
            $(#[doc = $doc:literal])+
            $key:ident: $kind:ty
                $(= $default:literal)?
                $(= unset $means:literal, example $example:literal)?
                , $reload:ident;
        )+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq)]
        $vis struct $struct { $(
            $(#[doc = $doc])+
            pub $key: <$kind as $crate::kind::Kind>::Value,
        )+ }

        impl $struct {
            pub(super) const SECTION: super::Section = super::Section {
                name: stringify!($section),
                about: concat!($($about),+),
                options: &[$( super::Entry {
                    key: concat!(stringify!($section), ".", stringify!($key)),
                    default: super::default_value!($($default)? $($means, $example)?),
                    reload: super::Reload::$reload,
                    about: concat!($($doc),+),
                    access: &super::Field::<$kind> {
                        get: |config| &config.$section.$key,
                        get_mut: |config| &mut config.$section.$key,
                    },
                } ),+],
            };
        }
    };
}

macro_rules! default_value {
    ($default:literal) => {
        super::DefaultValue::Text($default)
    };
    ($means:literal, $example:literal) => {
        super::DefaultValue::Unset { means: $means, example: $example }
    };
}

/// Declares all sections, in the order of the reference.
macro_rules! sections {
    ($($section:ident: $struct:ident),+ $(,)?) => {
        /// The values of all options.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct Config {
            $(pub(crate) $section: $struct,)+
        }

        /// All sections, in the order of the reference.
        pub(crate) static SECTIONS: &[Section] = &[$($struct::SECTION),+];
    };
}

use {default_value, section};

sections! {
    capture: Capture,
    names: Names,
    parquet: Parquet,
    otlp: Otlp,
    metrics: Metrics,
    json: Json,
    baseline: Baseline,
    enforce: Enforce,
    fallback: Fallback,
    ask: Ask,
    control: Control,
    log: Log,
    shutdown: Shutdown,
}

/// All options, in the same order.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    SECTIONS.iter().flat_map(|section| section.options)
}

impl Section {
    /// A paragraph of Markdown; a comment in the example.
    pub(crate) fn about(&self) -> &'static str {
        self.about.trim()
    }
}

impl Entry {
    /// The key without its section.
    pub(crate) fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Markdown.
    pub(crate) fn about(&self) -> &'static str {
        self.about.trim()
    }

    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("EGRET_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}
