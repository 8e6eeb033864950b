//! View models: what the shells show, by subject.

macro_rules! model {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
            $item
        )*
    };
}

macro_rules! word {
    ($($item:item)*) => {
        $(
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
            #[serde(rename_all = "snake_case")]
            $item
        )*
    };
}

mod conversations;
mod files;
mod people;
mod system;

pub use conversations::*;
pub use files::*;
pub use people::*;
pub use system::*;
