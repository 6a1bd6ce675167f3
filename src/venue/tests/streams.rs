//! The other streams and their REST rows: all of them are the same trades.

use super::*;
use tradehook_decimal::Decimal;

const SECOND: Duration = Duration::from_secs(1);

async fn listen(venue: &Venue, kind: &str, codes: &str, more: &str, time: Duration) -> Vec<Value> {
    let mut client = connect(venue).await;
    client.say(&format!(r#"[{{"ticket":"t"}},{{"type":"{kind}","codes":[{codes}]{more}}}]"#)).await;
    let (until, mut events) = (Instant::now() + time, Vec::new());
    while let Ok(event) = tokio::time::timeout_at(until, client.json()).await {
        events.push(event);
    }
    events
}

/// A number's exact value in 10^-8 units, from its digits.
fn exact(event: &Value, key: &str) -> i128 {
    event.get(key).unwrap().to_string().parse::<Decimal>().unwrap().to_fixed(8).unwrap()
}

fn number(event: &Value, key: &str) -> i64 {
    event.get(key).and_then(Value::as_i64).unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_ticker_comes_with_each_trade_and_tells_the_day() {
    let venue = start().await;
    let events = listen(&venue, "ticker", "\"KRW-BTC\"", "", SECOND * 20).await;
    assert_eq!(text(&events[0], "stream_type"), "SNAPSHOT");
    let day = venue.candles("KRW-BTC", 86_400_000).pop().unwrap();
    let last = events.last().unwrap();
    assert!(events.len() > 30, "only {}", events.len());
    assert_eq!((text(last, "type"), text(last, "market_state")), ("ticker", "ACTIVE"));
    assert_eq!(text(last, "trade_date"), "20261122");
    assert_eq!(exact(last, "high_price"), i128::from(day.high));
    assert_eq!(exact(last, "acc_trade_volume"), day.volume);
    assert_eq!(
        exact(last, "acc_ask_volume") + exact(last, "acc_bid_volume"),
        exact(last, "acc_trade_volume")
    );
    let row = rows(&venue, "/v1/ticker?markets=KRW-BTC,BTC-ETH").await;
    assert_eq!((text(&row[0], "market"), text(&row[1], "market")), ("KRW-BTC", "BTC-ETH"));
    assert_eq!(rows(&venue, "/v1/ticker/all?quote_currencies=KRW,USDT").await.len(), 7);
    assert_eq!(get(&venue, "/v1/ticker?markets=KRW-BTC,KRW-NO", &[]).await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_candle_comes_at_most_once_a_second_and_its_last_frame_is_the_sum_of_its_trades() {
    let venue = Venue::start(VenueConfig { late_share: 0.1, ..config() }).await.unwrap();
    for (kind, unit_ms) in [("candle.1s", 1_000), ("candle.1m", 60_000), ("candle.5m", 300_000)] {
        let events = listen(&venue, kind, "\"KRW-XRP\"", "", SECOND * 320).await;
        assert_eq!((text(&events[0], "type"), text(&events[0], "stream_type")), (kind, "SNAPSHOT"));
        let mut last: Vec<(&str, &Value)> = Vec::new();
        for event in &events {
            let start = text(event, "candle_date_time_utc");
            last.retain(|(known, _)| *known != start);
            last.push((start, event));
        }
        let candles = venue.candles("KRW-XRP", unit_ms);
        let mut compared = 0;
        for candle in candles.iter().filter(|c| c.start_ms + unit_ms < venue.now_ms() - 2_000) {
            let start = wire::events::iso(candle.start_ms);
            let Some((_, event)) = last.iter().find(|(known, _)| *known == start) else { continue };
            let prices = ["opening_price", "high_price", "low_price", "trade_price"];
            let expect = [candle.open, candle.high, candle.low, candle.close];
            for (key, expect) in prices.into_iter().zip(expect) {
                assert_eq!(exact(event, key), i128::from(expect), "{kind} {start} {key}");
            }
            assert_eq!(number(event, "timestamp"), candle.last_ms, "{kind} {start}");
            compared += 1;
        }
        // Trades that arrive in the next second, and late ones, bring the candle before once more.
        let (whole, most) = match kind {
            "candle.1s" => (200, 640),
            "candle.1m" => (4, 380),
            _ => (1, 380),
        };
        assert!(compared >= whole, "{kind}: only {compared} candles");
        assert!(events.len() < most, "{kind}: {} frames in 320 s", events.len());
    }
}

#[tokio::test(start_paused = true)]
async fn rest_gives_the_candles_that_there_are_the_newest_first() {
    let venue = Venue::start(VenueConfig { history_ms: 3 * 86_400_000, ..config() }).await.unwrap();
    let page = rows(&venue, "/v1/candles/minutes/1?market=KRW-BTC&count=200").await;
    assert_eq!(page.len(), 200);
    assert!(page.is_sorted_by(|a, b| text(a, "candle_date_time_utc") > text(b, "candle_date_time_utc")));
    assert_eq!(page[0].get("unit"), Some(&Value::from(1)));
    let until = text(&page[199], "candle_date_time_utc");
    let next = rows(&venue, &format!("/v1/candles/minutes/1?market=KRW-BTC&count=1&to={until}Z")).await;
    assert!(text(&next[0], "candle_date_time_utc") < until);
    let days = rows(&venue, "/v1/candles/days?market=KRW-BTC&count=200").await;
    assert_eq!(days.len(), 4);
    assert_eq!(exact(&days[0], "prev_closing_price"), exact(&days[1], "trade_price"));
    assert_eq!(text(&days[0], "candle_date_time_kst"), "2026-11-22T09:00:00");
    assert_eq!(get(&venue, "/v1/candles/minutes/2?market=KRW-BTC", &[]).await.status(), 404);
    assert_eq!(get(&venue, "/v1/candles/days?market=KRW-NO", &[]).await.status(), 404);
    let response = get(&venue, "/v1/candles/seconds?market=KRW-BTC&count=200", &[]).await;
    let quota = response.headers().get("remaining-req").unwrap().to_str().unwrap().to_owned();
    assert!(quota.starts_with("group=candles; min=600; sec="), "{quota}");
}

#[tokio::test(start_paused = true)]
async fn a_long_past_has_its_days_over_rest_and_is_bounded() {
    let venue = Venue::start(VenueConfig { history_ms: 6 * 86_400_000, ..config() }).await.unwrap();
    for days_ago in 1..=5 {
        let path = format!("/v1/trades/ticks?market=KRW-BTC&count=500&days_ago={days_ago}");
        let page = rows(&venue, &path).await;
        assert_eq!(page.len(), 500, "{days_ago} days ago");
        let date = format!("2026-11-{}", 22 - days_ago);
        assert!(page.iter().all(|row| text(row, "trade_date_utc") == date));
        tokio::time::advance(SECOND).await;
    }
    let kept = venue.all_trades("KRW-BTC");
    assert!(kept.len() <= 20_000 && venue.now_ms() - kept[0].traded_at_ms > 5 * 86_400_000);
}

#[tokio::test(start_paused = true)]
async fn a_book_is_whole_and_comes_on_a_grid_of_a_tenth_of_a_second() {
    let venue = start().await;
    let events = listen(&venue, "orderbook", "\"KRW-BTC.5\"", "", SECOND * 10).await;
    assert!(events.len() > 10, "only {}", events.len());
    for event in &events {
        let units = event.get("orderbook_units").and_then(Value::as_array).unwrap();
        assert_eq!((units.len(), text(event, "code")), (5, "KRW-BTC"));
    }
    let live = events.iter().skip(1);
    assert!(live.clone().all(|e| (number(e, "timestamp") - START_MS) % 100 <= 2), "off the grid");
    assert!(events.windows(2).all(|w| number(&w[0], "timestamp") < number(&w[1], "timestamp")));
    let grouped = listen(&venue, "orderbook", "\"KRW-BTC\"", ",\"level\":10000", SECOND * 2).await;
    let price = |n: usize| grouped[0].pointer(&format!("/orderbook_units/{n}/ask_price")).unwrap();
    let step = price(1).as_f64().unwrap() - price(0).as_f64().unwrap();
    assert!((step - 10_000.0).abs() < 1.0, "{step}");
    assert!(listen(&venue, "orderbook", "\"BTC-ETH\"", ",\"level\":1", SECOND * 5).await.is_empty());
    let book = rows(&venue, "/v1/orderbook?markets=KRW-BTC&count=3").await;
    assert_eq!(book[0].get("orderbook_units").and_then(Value::as_array).map(Vec::len), Some(3));
    let instruments = rows(&venue, "/v1/orderbook/instruments?markets=KRW-BTC").await;
    assert_eq!(text(&instruments[0], "tick_size"), "1000");
}

#[tokio::test(start_paused = true)]
async fn short_spellings_and_lists_hold_the_same_events() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    for (kind, keys) in [
        (
            "ticker",
            "ty cd op hp lp tp pcp atp c cp scp cr scr ab tv atv tdt ttm ttms aav abv h52wp h52wdt l52wp l52wdt ms its dd mw tms atp24h atv24h st",
        ),
        ("orderbook", "ty cd tms tas tbs obu st lv"),
        ("candle.1m", "ty cd cdttmu cdttmk op hp lp tp catv catp tms st"),
    ] {
        let mut client = connect(&venue).await;
        client
            .say(&format!(
                r#"[{{"ticket":"t"}},{{"type":"{kind}","codes":["KRW-BTC"]}},{{"format":"SIMPLE_LIST"}}]"#
            ))
            .await;
        let event = client.json().await;
        let got: HashSet<&str> = event[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(got, keys.split(' ').collect(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_markets_are_served_and_most_of_them_are_quiet() {
    let codes = many_markets(300);
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 300);
    let natural = VenueConfig { codes, liveliness: Liveliness::Natural, history_ms: 3_600_000, ..config() };
    let venue = Venue::start(natural).await.unwrap();
    let listed = rows(&venue, "/v1/market/all").await;
    assert_eq!(listed.len(), 300);
    let quiet = listed.iter().filter(|row| {
        let last = venue.all_trades(text(row, "market")).last().map_or(0, |t| t.traded_at_ms);
        venue.now_ms() - last > 60_000
    });
    let quiet = quiet.count();
    assert!((130..270).contains(&quiet), "{quiet} of 300 quiet for a minute");
}

#[tokio::test]
async fn faults_can_be_sent_to_the_venue_and_mistakes_are_answered() {
    let venue = start().await;
    let post = async |script: &'static str| {
        let (mut sender, connection) = http1::handshake(TokioIo::new(venue.link())).await.unwrap();
        tokio::spawn(connection);
        let script = http_body_util::Full::new(Bytes::from_static(script.as_bytes()));
        let request = Request::post("/fault").header("host", "venue").body(script).unwrap();
        let response = sender.send_request(request).await.unwrap();
        (response.status().as_u16(), body(response).await)
    };
    let (status, answer) = post("[[fault]]\nat = \"0s\"\nname = \"dorp\"").await;
    assert_eq!(status, 400);
    assert!(answer.contains("did you mean \"drop\"?"), "{answer}");
    let mut client = connect(&venue).await;
    let (status, answer) = post("[[fault]]\nat = \"0s\"\nname = \"close\"\ncode = 1012").await;
    assert_eq!((status, answer.as_str()), (200, "1 faults are set, each at its time from now\n"));
    assert_eq!(client.end().await, Some(CloseCode::Restart));
}
