//! A network between a client and a server, as bad as a test wants it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What happens to datagrams, in percent of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(crate) lost: u8,
    /// Overtaken by the next one.
    pub(crate) late: u8,
    pub(crate) twice: u8,
    /// Nothing of the server comes through.
    pub(crate) one_way: bool,
}

/// Stands between one client and a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    back: Arc<Mutex<Arc<UdpSocket>>>,
    server: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What came by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) to_server: usize,
    pub(crate) lost: usize,
    pub(crate) late: usize,
    pub(crate) twice: usize,
    /// Packets of the server that ask a client to show where it is.
    pub(crate) retries: usize,
}

impl Proxy {
    pub(crate) async fn new(server: SocketAddr, weather: Weather) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = front.local_addr().unwrap();
        let back = Arc::new(Mutex::new(Self::socket(server).await));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(run(front, Arc::clone(&back), weather, Arc::clone(&seen)));
        Self { address, back, server, seen, task }
    }

    async fn socket(server: SocketAddr) -> Arc<UdpSocket> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        Arc::new(socket)
    }

    /// From here on the client has another address for the server, and does not know it: what a router does.
    pub(crate) async fn move_client(&self) {
        let socket = Self::socket(self.server).await;
        *self.back.lock().unwrap() = socket;
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap()
    }

    /// The URL of a listener, through this.
    pub(crate) fn through(&self, url: &str) -> String {
        url.replace(&self.server.to_string(), &self.address.to_string())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    front: UdpSocket,
    back: Arc<Mutex<Arc<UdpSocket>>>,
    weather: Weather,
    seen: Arc<Mutex<Seen>>,
) {
    let (mut there, mut again) = ([0; 65_536], [0; 65_536]);
    let mut client = None;
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut up, mut down) = (None, None);
    loop {
        let server = Arc::clone(&back.lock().unwrap());
        let (datagrams, to_server) = tokio::select! {
            Ok((length, from)) = front.recv_from(&mut there) => {
                client = Some(from);
                seen.lock().unwrap().to_server += 1;
                (dice.forward(&there[..length], weather, &mut up, &seen), true)
            }
            Ok(length) = server.recv(&mut again) => {
                // A long header of the kind of a retry.
                if again[0] & 0xf0 == 0xf0 {
                    seen.lock().unwrap().retries += 1;
                }
                if weather.one_way {
                    continue;
                }
                (dice.forward(&again[..length], weather, &mut down, &seen), false)
            }
        };
        for datagram in datagrams {
            // A full socket loses it, as networks do.
            let _ = match (to_server, client) {
                (true, _) => server.send(&datagram).await,
                (false, Some(client)) => front.send_to(&datagram, client).await,
                (false, None) => Ok(0),
            };
        }
    }
}

/// The same sequence every time.
struct Dice(u64);

impl Dice {
    fn percent(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % 100) as u8
    }

    fn forward(
        &mut self,
        datagram: &[u8],
        weather: Weather,
        held: &mut Option<Vec<u8>>,
        seen: &Mutex<Seen>,
    ) -> Vec<Vec<u8>> {
        let mut seen = seen.lock().unwrap();
        if self.percent() < weather.lost {
            seen.lost += 1;
            return Vec::new();
        }
        if self.percent() < weather.late && held.is_none() {
            seen.late += 1;
            *held = Some(datagram.to_vec());
            return Vec::new();
        }
        let mut datagrams = vec![datagram.to_vec()];
        if self.percent() < weather.twice {
            seen.twice += 1;
            datagrams.push(datagram.to_vec());
        }
        datagrams.extend(held.take());
        datagrams
    }
}
