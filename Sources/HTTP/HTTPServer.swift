import CMicroHTTPD
import Synchronization
public import System

/// A server on one listening socket: libmicrohttpd behind our own gate, deadlines and limits.
public final class HTTPServer: Sendable {
    /// How a server behaves.
    public struct Settings: Sendable {
        /// Threads that serve connections; each serves thousands.
        public var threads = 2
        /// Connections in all; more wait in the system's queue.
        public var connections = 12_000
        /// Connections of one address, but for loopback and `trustedPeers`.
        public var connectionsPerAddress = 256
        /// Addresses that are many clients': proxies, of which is taken who asks them (`X-Forwarded-For`). `unix` for those who
        /// come by a unix socket.
        public var trustedPeers: Set<[UInt8]> = []
        /// The folder for bodies that are put in files.
        public var bodyFolder = "/tmp"
        /// How long the first head may take.
        public var headTime = Duration.seconds(20)
        /// How long a connection may wait for its next request, and that request's head take.
        public var idleTime = Duration.seconds(75)
        /// How long a body may take, and a second more for every `leastBytesPerSecond`.
        public var bodyTime = Duration.seconds(60)
        /// How long an answer may take; longer as long as it is taken at that rate.
        public var answerTime = Duration.seconds(60)
        /// The least rate.
        public var leastBytesPerSecond = 1024

        /// Standard settings.
        public init() {}
    }

    /// A certificate with its chain and its key, both PEM.
    public struct Identity: Sendable {
        let certificates: [UInt8]
        let key: [UInt8]

        /// An identity. The key is a secret.
        public init(certificates: [UInt8], key: [UInt8]) {
            self.certificates = certificates
            self.key = key
        }
    }

    private let core: ServerCore
    private let listener: StreamListener
    private let daemons: Mutex<[Daemon]>
    private let sweeper = BlockingExecutor("http-sweeper")
    private let isEnding = Mutex(false)

    /// Starts to serve `listener`; with TLS where there is an identity.
    public static func start(
        _ listener: StreamListener, settings: Settings = Settings(), identity: Identity? = nil,
        handler: any HTTPHandler, random: RandomSource = .system,
        now: @escaping @Sendable () -> Timestamp = Timestamp.systemClock,
        trouble: @escaping @Sendable (_ trace: TraceContext, _ error: any Error) -> Void = { _, _ in },
        log: @escaping @Sendable (AccessRecord) -> Void = { _ in }
    ) throws(HTTPServerError) -> HTTPServer {
        let core = ServerCore(
            settings: settings, handler: handler, random: random.drawnInAdvance(), now: now, trouble: trouble, log: log)
        let daemon = try Daemon(core, listener, identity)
        let server = HTTPServer(core, listener, daemon)
        server.sweepLater()
        return server
    }

    private init(_ core: ServerCore, _ listener: StreamListener, _ daemon: Daemon) {
        self.core = core
        self.listener = listener
        daemons = Mutex([daemon])
    }

    /// Connections that are open.
    public var connectionCount: Int { core.connections.count }

    /// Serves new connections with another identity; those that are open keep theirs to their end.
    public func reload(_ identity: Identity) throws(HTTPServerError) {
        let daemon = try Daemon(core, listener, identity)
        daemons.withLock { daemons in
            for old in daemons { old.quiesce() }
            daemons.append(daemon)
        }
    }

    /// Takes no more connections, lets requests come to their ends for `limit`, and then ends what is left.
    public func stop(within limit: Duration) async {
        core.drain()
        let all = daemons.withLock { daemons in
            for daemon in daemons { daemon.quiesce() }
            return daemons
        }
        let end = ContinuousClock.now + limit
        while core.connections.count > 0, ContinuousClock.now < end {
            core.connections.sweep(alsoIdle: true)
            // Cancelled, this turns into a short busy wait, bounded as before.
            try? await Task.sleep(for: .milliseconds(10))
        }
        core.finishAll()
        isEnding.withLock { $0 = true }
        await withCheckedContinuation { continuation in
            sweeper.run {
                for daemon in all { daemon.stop() }
                continuation.resume()
            }
        }
        daemons.withLock { $0 = [] }
    }

    /// Four times a second: ends what is over, and daemons that serve nobody any longer.
    private func sweepLater() {
        sweeper.run(after: .milliseconds(250)) { [weak self] in
            guard let self, !isEnding.withLock({ $0 }) else { return }
            core.connections.sweep(alsoIdle: false)
            let old = daemons.withLock { daemons in
                let old = daemons.dropLast().filter { $0.connectionCount == 0 }
                daemons.removeAll { daemon in old.contains { $0 === daemon } }
                return old
            }
            for daemon in old { daemon.stop() }
            sweepLater()
        }
    }
}

/// What all daemons of a server share.
final class ServerCore: Sendable {
    let connections: ConnectionTable
    let gate = RequestGate()
    let handler: any HTTPHandler
    let random: RandomSource
    let now: @Sendable () -> Timestamp
    /// Is told what the client is not.
    let trouble: @Sendable (TraceContext, any Error) -> Void
    let log: @Sendable (AccessRecord) -> Void

    private let draining = Atomic(false)

    private struct State {
        var exchanges: [ObjectIdentifier: Exchange] = [:]
        var streams: [ObjectIdentifier: ByteStream] = [:]
    }

    private let state = Mutex(State())

    init(
        settings: HTTPServer.Settings, handler: any HTTPHandler, random: RandomSource,
        now: @escaping @Sendable () -> Timestamp,
        trouble: @escaping @Sendable (TraceContext, any Error) -> Void,
        log: @escaping @Sendable (AccessRecord) -> Void
    ) {
        connections = ConnectionTable(settings)
        self.trouble = trouble
        self.handler = handler
        self.random = random
        self.now = now
        self.log = log
    }

    static let tooLarge = Problem(.contentTooLarge, "content-too-large", "the body is longer than is taken here")
    static let noRoom = Problem.unavailable(
        "no-room", "the body cannot be kept; the server's log says why under trace_id")
    static let tooSoon = Problem.unavailable(
        "busy", "the store is slow to say who you are; ask again, or send the body more slowly")

    /// The folder for bodies that are put in files.
    var bodyFolder: String { connections.settings.bodyFolder }

    /// Whether no request is taken any longer.
    var isDraining: Bool { draining.load(ordering: .acquiring) }

    func remember(_ exchange: Exchange) { state.withLock { $0.exchanges[ObjectIdentifier(exchange)] = exchange } }

    func forget(_ exchange: Exchange) { state.withLock { $0.exchanges[ObjectIdentifier(exchange)] = nil } }

    func remember(_ stream: ByteStream) {
        state.withLock { $0.streams[ObjectIdentifier(stream)] = stream }
        // Set before those are looked for that are there: this one is found, or it sees that it is late.
        if isDraining { stream.finish() }
    }

    func forget(_ stream: ByteStream) { state.withLock { $0.streams[ObjectIdentifier(stream)] = nil } }

    /// Asks everything that waits to come to an end.
    func drain() {
        draining.store(true, ordering: .sequentiallyConsistent)
        let (exchanges, streams) = state.withLock { (Array($0.exchanges.values), Array($0.streams.values)) }
        for exchange in exchanges { exchange.cancel() }
        for stream in streams { stream.finish() }
    }

    /// Wakes everything that still sleeps: the library cannot end while anything does.
    func finishAll() {
        let (exchanges, streams) = state.withLock { (Array($0.exchanges.values), Array($0.streams.values)) }
        let problem = Problem.unavailable("stopping", "the server is being stopped; ask again")
        for exchange in exchanges { exchange.finish(handler.refuse(problem, trace: nil)) }
        for stream in streams { stream.close() }
    }

    /// Who asks over a connection, in text; nil for a unix socket.
    func client(_ connection: OpenConnection, _ fields: HTTPFields) -> String? {
        let trusted = connections.settings.trustedPeers
        guard !trusted.isEmpty else { return connection.peerText }
        return ForwardedFor.client(connection.peer, fields, trusted: trusted).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}

/// One daemon of the library; there is another one after each change of the certificate.
private final class Daemon: @unchecked Sendable {
    // The library's own functions may be called from any thread; `stop` is called once, by the server.
    private let raw: OpaquePointer
    private let core: Unmanaged<ServerCore>
    /// PEM as the library reads it whenever it likes.
    private let texts: [UnsafeMutablePointer<UInt8>]
    /// The listening socket by a descriptor of this daemon's own: the library closes it when it does not start, or is stopped
    /// while it accepts. After `quiesce` it is ours again.
    private let descriptor: CInt
    private let end = Mutex(End.accepting)

    private enum End { case accepting, quiesced, stopped }

    init(_ core: ServerCore, _ listener: StreamListener, _ identity: HTTPServer.Identity?) throws(HTTPServerError) {
        let settings = core.connections.settings
        descriptor = ForeignDescriptor.duplicate(listener.descriptor)
        guard descriptor >= 0 else {
            throw .notStarted(detail: "there is no descriptor left to serve \(listener.address) with")
        }
        var options = [
            MHD_OptionItem(option: .LISTEN_SOCKET, value: Int(descriptor), ptr_value: nil),
            MHD_OptionItem(option: .THREAD_POOL_SIZE, value: settings.threads, ptr_value: nil),
            MHD_OptionItem(option: .CONNECTION_LIMIT, value: settings.connections, ptr_value: nil),
            // What a head fits in; the gate's own bound is lower.
            MHD_OptionItem(option: .CONNECTION_MEMORY_LIMIT, value: 32 * 1024, ptr_value: nil),
            // Deadlines are the table's.
            MHD_OptionItem(option: .CONNECTION_TIMEOUT, value: 0, ptr_value: nil),
        ]
        var flags = MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_ALLOW_SUSPEND_RESUME.rawValue
        var texts: [UnsafeMutablePointer<UInt8>] = []
        if let identity {
            flags |= MHD_USE_TLS.rawValue
            let parts = [(MHD_OPTION.HTTPS_MEM_CERT, identity.certificates), (.HTTPS_MEM_KEY, identity.key)]
            for (option, bytes) in parts {
                let text = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
                text.initialize(from: bytes + [0], count: bytes.count + 1)
                texts.append(text)
                options.append(MHD_OptionItem(option: option, value: 0, ptr_value: text))
            }
        }
        options.append(MHD_OptionItem(option: .END, value: 0, ptr_value: nil))
        let context = Unmanaged.passRetained(core)
        guard
            let raw = cmhd_start(
                UInt32(flags), acceptPeer, handleRequest, completeRequest, noteConnection, noteTarget,
                context.toOpaque(), options)
        else {
            context.release()
            for text in texts { text.deallocate() }
            throw .notStarted(
                detail: identity == nil
                    ? "the HTTP server does not start on \(listener.address)"
                    : "the HTTPS server does not start on \(listener.address): are the certificate and the key PEM, and do "
                        + "they belong together?")
        }
        self.raw = raw
        self.core = context
        self.texts = texts
    }

    var connectionCount: Int { Int(cmhd_connection_count(raw)) }

    /// Accepts no more; the socket stays open for others.
    func quiesce() {
        end.withLock { end in
            guard end == .accepting else { return }
            MHD_quiesce_daemon(raw)
            end = .quiesced
        }
    }

    /// Ends it and all its connections. Blocks.
    func stop() {
        let before = end.withLock { end in
            defer { end = .stopped }
            return end
        }
        guard before != .stopped else { return }
        MHD_stop_daemon(raw)
        if before == .quiesced { ForeignDescriptor.close(descriptor) }
        core.release()
    }

    deinit {
        stop()
        for text in texts { text.deallocate() }
    }
}

// MARK: Callbacks

private func core(_ context: UnsafeMutableRawPointer?) -> ServerCore? {
    context.map { Unmanaged<ServerCore>.fromOpaque($0).takeUnretainedValue() }
}

private func acceptPeer(
    _ context: UnsafeMutableRawPointer?, _ address: UnsafePointer<sockaddr>?, _ size: socklen_t
) -> MHD_Result {
    core(context)?.connections.mayOpen(ForeignDescriptor.text(ofAddress: address)) == true ? .YES : .NO
}

private func noteConnection(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ what: MHD_ConnectionNotificationCode
) {
    guard let core = core(context), let connection, let socketContext else { return }
    switch what {
    case .CONNECTION_NOTIFY_STARTED:
        let opened = core.connections.open(
            cmhd_descriptor(connection), ForeignDescriptor.text(ofAddress: cmhd_peer(connection)))
        socketContext.pointee = Unmanaged.passRetained(opened).toOpaque()
    case .CONNECTION_NOTIFY_CLOSED:
        guard let raw = socketContext.pointee else { return }
        socketContext.pointee = nil
        core.connections.close(Unmanaged<OpenConnection>.fromOpaque(raw).takeRetainedValue())
    @unknown default: break
    }
}

private func noteTarget(
    _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let core = core(context), let target, let connection, let place = cmhd_context(connection) else { return nil }
    let bytes = Array(UnsafeRawBufferPointer(start: target, count: strlen(target)))
    let opened = Unmanaged<OpenConnection>.fromOpaque(place).takeUnretainedValue()
    // Released when the request is complete, which it is once, also where the library itself refuses it.
    return Unmanaged.passRetained(Exchange(core, bytes, connection, opened)).toOpaque()
}

private func handleRequest(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ path: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ piece: UnsafePointer<CChar>?,
    _ pieceSize: UnsafeMutablePointer<Int>?, _ exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let raw = exchange?.pointee, let pieceSize else { return .NO }
    let exchange = Unmanaged<Exchange>.fromOpaque(raw).takeUnretainedValue()
    return exchange.step(method: method, version: version, piece: piece, pieceSize: pieceSize) ? .YES : .NO
}

private func completeRequest(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ exchange: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ reason: MHD_RequestTerminationCode
) {
    guard let raw = exchange?.pointee else { return }
    exchange?.pointee = nil
    Unmanaged<Exchange>.fromOpaque(raw).takeRetainedValue().end(isWhole: reason == .REQUEST_TERMINATED_COMPLETED_OK)
}
