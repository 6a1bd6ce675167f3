//! Names that lead nowhere, and addresses that do not answer.

use super::{
    net::{Name, TestNet, Way},
    *,
};
use rustls::RootCertStore;
use std::net::SocketAddr;

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 80))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80))
}

fn resolve(names: Vec<Name>, ways: &[(SocketAddr, Way)]) -> (Rig, TestNet) {
    let (net, links) = TestNet::new(names, ways);
    let connector = net.connector("ws://localhost/websocket/v1", RootCertStore::empty());
    (start_over(FeedConfig::default(), connector, links), net)
}

#[tokio::test(start_paused = true)]
async fn the_name_is_looked_up_at_every_attempt() {
    let (old, new) = (address(1), address(2));
    let names = vec![Name::Found(vec![old]), Name::Found(vec![old]), Name::Found(vec![new])];
    let (mut rig, net) = resolve(names, &[(old, Way::Refused)]);
    let venue = rig.live().await;
    assert_eq!((net.lookups(), net.tried()), (3, vec![old, old, new]));
    assert!(rig.losses().iter().all(|(_, cause)| cause.as_str() == "tcp"), "{:?}", rig.losses());
    // Also after a session: the address that was good is not trusted.
    drop(venue);
    rig.live().await;
    assert_eq!(net.lookups(), 4);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_resolved_is_tried_again() {
    // Not there, without any address, and silent for longer than a connect may take.
    let names = vec![Name::Fails, Name::Found(vec![]), Name::Hangs, Name::Found(vec![address(1)])];
    let (mut rig, net) = resolve(names, &[]);
    rig.live().await;
    assert_eq!(net.lookups(), 4);
    let losses = rig.losses();
    let causes: Vec<_> = losses.iter().map(|(_, cause)| cause.as_str()).collect();
    assert_eq!(causes, ["name", "tcp", "timeout"], "{losses:?}");
    assert!(losses[0].1.to_string().contains("the venue's name was not resolved"), "{losses:?}");
    assert!(near(losses[2].0, rig.connects()[2] + s(10)), "{losses:?}");
    assert!(rig.start.elapsed() <= s(14), "{:?}", rig.start.elapsed());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_address_costs_a_quarter_of_a_second() {
    let check = async |addresses: Vec<SocketAddr>, ways: &[(SocketAddr, Way)], expect: u64| {
        let (mut rig, net) = resolve(vec![Name::Found(addresses.clone())], ways);
        rig.live().await;
        let took = rig.start.elapsed();
        assert!(near(took, ms(expect)), "{addresses:?}: {took:?}");
        assert_eq!((rig.losses(), net.lookups()), (vec![], 1), "{addresses:?}");
        rig.stop().await;
    };
    check(vec![address(1), address(2)], &[], 0).await;
    check(vec![address(1), address(2)], &[(address(1), Way::Refused)], 0).await;
    check(vec![address(1), address(2)], &[(address(1), Way::Hangs)], 250).await;
    // IPv6 that leads nowhere, as on many a machine: the families take turns.
    let both = vec![v6(1), v6(2), v6(3), address(1)];
    check(both, &[(v6(1), Way::Hangs), (v6(2), Way::Hangs), (v6(3), Way::Hangs)], 250).await;
    let dead: Vec<_> = (1..=3).map(|last| (address(last), Way::Hangs)).collect();
    check((1..=4).map(address).collect(), &dead, 750).await;
}

/// [bounded]
#[tokio::test(start_paused = true)]
async fn of_a_name_with_very_many_addresses_sixteen_are_tried() {
    let ways: Vec<_> = (0..=255).map(|last| (address(last), Way::Hangs)).collect();
    let (rig, net) = resolve(vec![Name::Found((0..=255).map(address).collect())], &ways);
    let (at, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::Connect(ConnectError::Timeout));
    assert!(near(at, s(10)), "{at:?}");
    assert_eq!(net.tried().len(), 16);
    rig.stop().await;
}
