"""Socket.IO: sockets, pages, handlers and events, and the counts that their audiences are told."""
