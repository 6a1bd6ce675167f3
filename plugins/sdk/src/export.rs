//! The macro that makes a plugin out of a type.

/// Exports a [`crate::Plugin`] to the host, with the interfaces it uses.
///
/// ```
/// # struct BigTrade;
/// # impl tradehook_sdk::Plugin for BigTrade {
/// #     const MANIFEST: tradehook_sdk::Manifest = tradehook_sdk::Manifest {
/// #         name: "big-trade", version: "0.1.0", state_version: 1, config_schema: "" };
/// #     fn new(_: &tradehook_sdk::Setup) -> Result<Self, Vec<tradehook_sdk::ConfigFault>> { Ok(Self) }
/// # }
/// tradehook_sdk::export!(BigTrade: trades, state);
/// ```
///
/// The interfaces are `trades`, `tickers`, `orderbooks`, `candles`, `ticks`, `gaps`, `records`,
/// `facts`, `inspect` and `state`; the host tells a plugin just what it exports. Name `state` together
/// with [`crate::Plugin::snapshot`]. Off wasm the macro expands to nothing but a check of the names, so
/// that the crate's own tests link natively.
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($interface:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static CELL: $crate::guest::Cell<$plugin> = const { $crate::guest::Cell::new() };
            }
            struct Guest;
            $crate::__export_interface!(lifecycle);
            $($crate::__export_interface!($interface);)+
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = { $($crate::__export_interface!(@check $interface);)+ };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_interface {
    (@check trades) => {};
    (@check tickers) => {};
    (@check orderbooks) => {};
    (@check candles) => {};
    (@check ticks) => {};
    (@check gaps) => {};
    (@check records) => {};
    (@check facts) => {};
    (@check inspect) => {};
    (@check state) => {};
    (@check $other:ident) => {
        compile_error!(concat!("`", stringify!($other), "` is no interface: name trades, tickers, orderbooks, candles, ticks, gaps, records, facts, inspect or state"));
    };
    (lifecycle) => {
        impl $crate::guest::lifecycle::exports::tradehook::plugin::lifecycle::Guest for Guest {
            fn init(
                setup: $crate::guest::types::Setup,
            ) -> Result<$crate::guest::types::Manifest, Vec<$crate::guest::types::ConfigFault>> {
                CELL.with(|cell| cell.init(setup))
            }
            fn learn_markets(first: u32, codes: Vec<String>) {
                CELL.with(|cell| cell.learn_markets(first, codes))
            }
        }
        $crate::guest::lifecycle::export!(Guest with_types_in $crate::guest::lifecycle);
    };
    (trades) => {
        impl $crate::guest::trades::exports::tradehook::plugin::trades::Guest for Guest {
            fn on_trades(batch: $crate::guest::types::TradeColumns) -> $crate::guest::types::Outcome {
                CELL.with(|cell| cell.on_trades(batch))
            }
        }
        $crate::guest::trades::export!(Guest with_types_in $crate::guest::trades);
    };
    (tickers) => {
        impl $crate::guest::tickers::exports::tradehook::plugin::tickers::Guest for Guest {
            fn on_tickers(batch: $crate::guest::types::TickerColumns) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_tickers(batch))
            }
        }
        $crate::guest::tickers::export!(Guest with_types_in $crate::guest::tickers);
    };
    (orderbooks) => {
        impl $crate::guest::orderbooks::exports::tradehook::plugin::orderbooks::Guest for Guest {
            fn on_orderbooks(batch: $crate::guest::types::OrderbookColumns) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_orderbooks(batch))
            }
        }
        $crate::guest::orderbooks::export!(Guest with_types_in $crate::guest::orderbooks);
    };
    (candles) => {
        impl $crate::guest::candles::exports::tradehook::plugin::candles::Guest for Guest {
            fn on_candles(batch: $crate::guest::types::CandleColumns) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_candles(batch))
            }
        }
        $crate::guest::candles::export!(Guest with_types_in $crate::guest::candles);
    };
    (ticks) => {
        impl $crate::guest::ticks::exports::tradehook::plugin::ticks::Guest for Guest {
            fn on_tick(offset: u64, at_ms: i64) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_tick(offset, at_ms))
            }
        }
        $crate::guest::ticks::export!(Guest with_types_in $crate::guest::ticks);
    };
    (gaps) => {
        impl $crate::guest::gaps::exports::tradehook::plugin::gaps::Guest for Guest {
            fn on_gap(gap: $crate::guest::types::Gap) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_gap(gap))
            }
        }
        $crate::guest::gaps::export!(Guest with_types_in $crate::guest::gaps);
    };
    (records) => {
        impl $crate::guest::records::exports::tradehook::plugin::records::Guest for Guest {
            fn on_records(batch: Vec<$crate::guest::types::Incoming>) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_records(batch))
            }
        }
        $crate::guest::records::export!(Guest with_types_in $crate::guest::records);
    };
    (facts) => {
        impl $crate::guest::facts::exports::tradehook::plugin::facts::Guest for Guest {
            fn on_fact(fact: $crate::guest::types::Fact) -> Vec<$crate::guest::types::Emission> {
                CELL.with(|cell| cell.on_fact(fact))
            }
        }
        $crate::guest::facts::export!(Guest with_types_in $crate::guest::facts);
    };
    (inspect) => {
        impl $crate::guest::inspect::exports::tradehook::plugin::inspect::Guest for Guest {
            fn inspect(query: String) -> Result<String, String> {
                CELL.with(|cell| cell.inspect(&query))
            }
        }
        $crate::guest::inspect::export!(Guest with_types_in $crate::guest::inspect);
    };
    (state) => {
        impl $crate::guest::state::exports::tradehook::plugin::state::Guest for Guest {
            fn snapshot() -> Vec<u8> {
                CELL.with(|cell| cell.snapshot())
            }
            fn restore(state_version: u32, state: Vec<u8>) -> Result<(), String> {
                CELL.with(|cell| cell.restore(state_version, state))
            }
        }
        $crate::guest::state::export!(Guest with_types_in $crate::guest::state);
    };
    ($other:ident) => {
        compile_error!(concat!("`", stringify!($other), "` is no interface: name trades, tickers, orderbooks, candles, ticks, gaps, records, facts, inspect or state"));
    };
}
