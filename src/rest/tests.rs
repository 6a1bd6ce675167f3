//! REST against servers in memory, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use futures_util::future::{BoxFuture, join_all};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::sleep,
};

/// What the server does with one request.
enum Act {
    Answer(String),
    /// The answer, and then the connection ends.
    Last(String),
    /// The answer's head, and then a byte of its body each second.
    Trickle,
    /// The connection ends without a word.
    Drop,
}

/// One request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    at: Duration,
    connection: usize,
    head: String,
}

type Plan = Arc<dyn Fn(usize) -> Act + Send + Sync>;

/// A server that does with its nth request what `plan` says, `delay` after it came.
#[derive(Clone)]
struct Server {
    plan: Plan,
    delay: Duration,
    started: Instant,
    opened: Arc<Mutex<usize>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn new(plan: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self {
            plan: Arc::new(plan),
            delay: Duration::ZERO,
            started: Instant::now(),
            opened: Arc::default(),
            seen: Arc::default(),
        }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// When each request came, in ms.
    fn times(&self) -> Vec<u128> {
        self.seen().iter().map(|seen| seen.at.as_millis()).collect()
    }

    fn rest(&self) -> Rest {
        Rest::new(&RestConfig::default(), self.clone())
    }

    async fn serve(self, mut stream: DuplexStream, connection: usize) {
        while let Some(head) = read_head(&mut stream).await {
            let number = {
                let mut seen = self.seen.lock().unwrap();
                seen.push(Seen { at: self.started.elapsed(), connection, head });
                seen.len() - 1
            };
            sleep(self.delay).await;
            match (self.plan)(number) {
                Act::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap_or(()),
                Act::Last(answer) => return stream.write_all(answer.as_bytes()).await.unwrap_or(()),
                Act::Drop => return,
                Act::Trickle => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n").await;
                    while stream.write_all(b"x").await.is_ok() {
                        sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        }
    }
}

async fn read_head(stream: &mut DuplexStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

impl Door for Server {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let connection = {
            let mut opened = self.opened.lock().unwrap();
            *opened += 1;
            *opened
        };
        tokio::spawn(self.clone().serve(far, connection));
        Box::pin(async { Ok(Box::new(near) as Box<dyn Stream>) })
    }

    fn authority(&self) -> &str {
        "api.upbit.com"
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Answer(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

fn ok() -> Act {
    answer("200 OK", "", "[]")
}

fn last() -> Act {
    Act::Last("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]".to_owned())
}

const TICKS: &str = "/v1/trades/ticks?market=KRW-BTC&count=500";

/// Proves [bounded] for the requests that are sent.
#[tokio::test(start_paused = true)]
async fn the_rate_is_held_exactly_however_many_ask() {
    let server = Server::new(|_| ok());
    let rest = server.rest();
    let asked: Vec<_> = (0..40).map(|_| rest.get(Group::Trades, TICKS)).collect();
    assert!(join_all(asked).await.iter().all(Result::is_ok));
    let expect: Vec<u128> = (0..40).map(|n| n * 125).collect();
    assert_eq!(server.times(), expect);
}

#[tokio::test(start_paused = true)]
async fn groups_do_not_wait_for_each_other_and_places_in_flight_are_counted() {
    let mut server = Server::new(|_| ok());
    server.delay = Duration::from_secs(2);
    let rest = server.rest();
    let trades: Vec<_> = (0..6).map(|_| rest.get(Group::Trades, TICKS)).collect();
    let markets = rest.get(Group::Market, "/v1/market/all");
    let (trades, market) = tokio::join!(join_all(trades), markets);
    assert!(trades.iter().chain([&market]).all(Result::is_ok));
    // Four are under way at a time; the others follow as answers come.
    assert_eq!(server.times(), [0, 0, 125, 250, 2000, 2125, 2250]);
    assert_eq!(*server.opened.lock().unwrap(), 4, "as many connections as places");
}

#[tokio::test(start_paused = true)]
async fn who_came_first_is_served_first_and_who_leaves_costs_nobody_a_turn() {
    let server = Server::new(|_| ok());
    let rest = server.rest();
    let ask = |name: usize| {
        let rest = rest.clone();
        async move { rest.get(Group::Trades, &format!("/{name}")).await }
    };
    ask(0).await.unwrap();
    let mut asked: Vec<_> = (1..=4).map(|name| tokio::spawn(ask(name))).collect();
    tokio::task::yield_now().await;
    let gone = asked.remove(0);
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    for task in asked {
        task.await.unwrap().unwrap();
    }
    let seen = server.seen();
    let paths: Vec<_> = seen.iter().filter_map(|seen| seen.head.split(' ').nth(1)).collect();
    assert_eq!((paths, server.times()), (vec!["/0", "/2", "/3", "/4"], vec![0, 125, 250, 375]));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_second_is_waited_out() {
    let server = Server::new(|n| {
        let left = if n == 1 { 0 } else { 9 - n % 9 };
        answer("200 OK", &format!("Remaining-Req: group=crix-trades; min=600; sec={left}\r\n"), "[]")
    });
    let rest = server.rest();
    for _ in 0..2 {
        rest.get(Group::Trades, TICKS).await.unwrap();
    }
    assert_eq!(rest.blocked_for(Group::Trades), Some(Duration::from_secs(1)));
    assert_eq!(rest.blocked_for(Group::Market), None);
    for _ in 0..2 {
        rest.get(Group::Trades, TICKS).await.unwrap();
    }
    assert_eq!(server.times(), [0, 125, 1125, 1250]);
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_and_halves_the_rate_which_comes_back_slowly() {
    let server = Server::new(|n| match n {
        0 => answer("429 Too Many Requests", "", "Too many API requests."),
        1 => answer("429 Too Many Requests", "Retry-After: 5\r\n", ""),
        _ => ok(),
    });
    let rest = server.rest();
    let limited = |seconds| RestError::Limited { wait: Duration::from_secs(seconds) };
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(limited(1)));
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(limited(5)));
    assert_eq!(rest.blocked_for(Group::Trades), Some(Duration::from_secs(5)));
    for _ in 0..200 {
        rest.get(Group::Trades, TICKS).await.unwrap();
    }
    let times = server.times();
    assert_eq!(times.get(..3), Some(&[0, 1000, 6000][..]));
    let gaps: Vec<u128> = times.windows(2).skip(2).filter_map(|w| Some(w.get(1)? - w.first()?)).collect();
    // Halved twice: two a second; then never faster by a jump, and at the end the full rate again.
    assert!(gaps.first().is_some_and(|gap| (480..=500).contains(gap)), "{gaps:?}");
    // Spacings are rounded to the timer's milliseconds.
    let slower = |w: &[u128]| w.get(1) > w.first().map(|gap| gap + 1).as_ref();
    assert!(!gaps.windows(2).any(slower), "{gaps:?}");
    assert_eq!(gaps.last(), Some(&125), "{gaps:?}");
    assert!(gaps.get(50).is_some_and(|gap| *gap > 150), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_together_are_one_offence() {
    let mut server = Server::new(|n| match n {
        0..4 => answer("429 Too Many Requests", "", ""),
        _ => ok(),
    });
    server.delay = Duration::from_secs(1);
    let rest = server.rest();
    let refused = join_all((0..4).map(|_| rest.get(Group::Trades, TICKS))).await;
    assert!(refused.iter().all(|r| matches!(r, Err(RestError::Limited { .. }))), "{refused:?}");
    let answers = join_all((0..3).map(|_| rest.get(Group::Trades, TICKS))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // The last refusal came at 1375; half of eight a second is a turn in 250 ms.
    assert_eq!(server.times(), [0, 125, 250, 375, 2375, 2625, 2875]);
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_silence_for_all_groups_until_it_is_over() {
    let body = r#"{"error":{"name":418,"message":"blocked for 120 seconds"}}"#;
    let server = Server::new(move |n| match n {
        1 => answer("418 I'm a teapot", "", body),
        2 => answer("418 I'm a teapot", "", ""),
        _ => ok(),
    });
    let rest = server.rest();
    rest.get(Group::Trades, TICKS).await.unwrap();
    let ban = Duration::from_secs(121);
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(RestError::Banned { wait: ban }));
    for _ in 0..60 {
        for group in [Group::Trades, Group::Market] {
            assert!(matches!(rest.get(group, TICKS).await, Err(RestError::Banned { .. })));
            assert!(rest.blocked_for(group).is_some_and(|wait| wait <= ban));
        }
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(server.times(), [0, 125]);
    sleep(Duration::from_secs(1)).await;
    // The next ban is not told, and longer than a first one.
    let again = RestError::Banned { wait: Duration::from_secs(121) };
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(again));
    sleep(Duration::from_secs(121)).await;
    assert_eq!(rest.blocked_for(Group::Market), None);
    rest.get(Group::Market, "/v1/market/all").await.unwrap();
    assert_eq!(server.times(), [0, 125, 121_125, 242_125]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_and_replaced_when_it_breaks() {
    let check = async |plan: fn(usize) -> Act, pause: u64, expect: &[usize]| {
        let server = Server::new(plan);
        let rest = server.rest();
        let mut answers = 0;
        for _ in 0..4 {
            answers += usize::from(rest.get(Group::Trades, TICKS).await.is_ok());
            sleep(Duration::from_secs(pause)).await;
        }
        let connections: Vec<_> = server.seen().iter().map(|seen| seen.connection).collect();
        assert_eq!((connections.as_slice(), answers), (expect, 4));
    };
    check(|_| ok(), 1, &[1, 1, 1, 1]).await;
    // Closed behind an answer, noticed before the next request.
    check(|n| if n == 1 { last() } else { ok() }, 1, &[1, 1, 2, 2]).await;
    // Closed when the request is there already: it is asked again on a fresh connection.
    check(|n| if n == 2 { Act::Drop } else { ok() }, 1, &[1, 1, 1, 2, 2]).await;
    // Not trusted after half a minute of nothing.
    check(|_| ok(), 31, &[1, 2, 3, 4]).await;
    // A fresh connection that breaks is an error; nothing is asked for ever.
    let server = Server::new(|_| Act::Drop);
    let lost = server.rest().get(Group::Trades, TICKS).await;
    assert!(matches!(lost, Err(RestError::Network(_))), "{lost:?}");
    assert_eq!(server.times(), [0]);
}

/// Proves [bounded] for the time and the bytes of an answer.
#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_given_up() {
    let server = Server::new(|n| match n {
        0 => Act::Trickle,
        1 => Act::Answer(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_BODY + 1)),
        2 => Act::Last(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY + 1))),
        3 => Act::Last(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(80 * 1024))),
        4 => Act::Answer(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {MAX_BODY}\r\n\r\n{}",
            "x".repeat(MAX_BODY)
        )),
        _ => ok(),
    });
    let rest = server.rest();
    let began = Instant::now();
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(RestError::Timeout));
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(RestError::TooLarge));
    assert_eq!(rest.get(Group::Trades, TICKS).await, Err(RestError::TooLarge));
    assert!(matches!(rest.get(Group::Trades, TICKS).await, Err(RestError::Network(_))));
    assert_eq!(rest.get(Group::Trades, TICKS).await.map(|reply| reply.body.len()), Ok(MAX_BODY));
    assert!(rest.get(Group::Trades, TICKS).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_what_is_told() {
    let server = Server::new(|n| match n {
        0 => answer("200 OK", "Date: Wed, 11 Mar 2026 14:40:59 GMT\r\n", "[1]"),
        1 => answer("404 Not Found", "", &format!("no such code {}", "x".repeat(1000))),
        2 => answer("302 Found", "Location: https://example.org/\r\n", ""),
        _ => answer("503 Service Unavailable", "Retry-After: 60\r\n", "<html>"),
    });
    let rest = server.rest();
    let reply = rest.get(Group::Trades, TICKS).await.unwrap();
    assert_eq!((&*reply.body, reply.venue_ms), (&b"[1]"[..], Some(1_773_240_059_000)));
    let head = server.seen().remove(0).head.to_ascii_lowercase();
    assert!(head.starts_with(&format!("get {} http/1.1\r\n", TICKS.to_ascii_lowercase())), "{head}");
    assert!(head.contains("\r\nhost: api.upbit.com\r\n"), "{head}");
    for absent in ["origin", "accept-encoding", "cookie", "authorization"] {
        assert!(!head.contains(absent), "{head}");
    }
    let told = async |expect: u16| match rest.get(Group::Trades, TICKS).await {
        Err(RestError::Refused { status, body }) => {
            assert_eq!(status, expect);
            body
        }
        other => panic!("{expect}: {other:?}"),
    };
    assert_eq!(told(404).await.len(), BODY_SNIPPET);
    told(302).await;
    told(503).await;
    assert_eq!(rest.get(Group::Trades, "/a b").await, Err(RestError::Path));
    assert_eq!(server.seen().len(), 4);
}

/// Proves [bounded]: whatever a header says.
#[test]
fn what_is_left_is_read_from_whatever_the_header_says() {
    let check = |header, expect| assert_eq!(left_this_second(header), expect, "{header}");
    check("group=crix-trades; min=600; sec=9", Some(9));
    check("group=market;sec=0", Some(0));
    check("sec= 3", Some(3));
    check("sec=-1", None);
    check("sec=99999999999999", None);
    check("", None);
    check(";;;=", None);
}
