"""The bounds of every connection, the same at both ends."""

KEEPALIVE_SECONDS = 5
KEEPALIVE_ANSWER_SECONDS = 2
MESSAGE_BYTES = 1 << 20
METADATA_BYTES = 8 << 10
# Of one server, and on one connection: a thousand hosts each keep a call open.
CALLS_AT_ONCE = 10_000
CALLS_A_CONNECTION = 1000

Options = list[tuple[str, int]]

# Off by default in gRPC, and a connection that is half open then hangs for ever.
_KEEPALIVE: Options = [
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_ANSWER_SECONDS * 1000),
    # Without this a peer whose kernel still takes bytes is given a minute.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_ANSWER_SECONDS * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
_SIZES: Options = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
]
SERVER_OPTIONS: Options = [
    *_KEEPALIVE,
    *_SIZES,
    # A server that expects fewer pings than its clients send cuts them off as abusers.
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_SECONDS * 1000 // 2),
    ("grpc.max_concurrent_streams", CALLS_A_CONNECTION),
    # Two servers on one port would each get some of the calls.
    ("grpc.so_reuseport", 0),
]
CHANNEL_OPTIONS: Options = [
    *_KEEPALIVE,
    *_SIZES,
    # A service that was started again is found again within this.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]
