use std::io;
use std::net::{SocketAddr, UdpSocket};

use socket2::SockRef;

/// What the system may hold for a socket in either direction. Every connection of a listener comes through one
/// socket, and what does not fit is lost: the usual 200 KiB are two hundred packets.
const BUFFER: usize = 4 * 1024 * 1024;

/// A UDP socket with room for bursts, as far as the system lets it.
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let options = SockRef::from(&socket);
    let roomy =
        options.set_recv_buffer_size(BUFFER).and_then(|()| options.set_send_buffer_size(BUFFER));
    if let Err(error) = roomy {
        tracing::debug!(%error, "the socket keeps its small buffers");
    }
    Ok(socket)
}
