import CMicroHTTPD
import Synchronization
import System

/// One request and its answer, as libmicrohttpd leads through them.
///
/// The library calls with the head, with pieces of the body, with its end, and once more when an answer is there that has come
/// later; always on the connection's own thread. Only `finish` is called by others.
final class Exchange: Sendable {
    private enum Stage {
        case fresh
        case receiving(HTTPRequest, BodySink, answer: @Sendable (HTTPRequest) -> HTTPAnswer)
        /// The body is not taken: the rest is dropped, so many bytes of it, since nothing may be answered before its end.
        case dropping(HTTPResponse, left: Int)
        /// Somebody makes the answer, and may have it at once.
        case working
        /// Somebody makes the answer, while the connection is suspended.
        case waiting(Task<Void, Never>)
        case ready(HTTPResponse)
        case answered
    }

    private struct State {
        var stage = Stage.fresh
        var method: HTTPMethod?
        var peer: String?
        var trace: TraceContext?
        var began: (time: Timestamp, nanoseconds: UInt64)?
        var answer: Sent?
        /// The server knows of it, since it waits or has waited.
        var isRemembered = false
    }

    /// What is known of an answer that was given to the library.
    private struct Sent {
        let status: Int
        let byteCount: Int64?
        let path: String?
        let route: String?
        let onEnd: (@Sendable (Bool) -> Void)?
    }

    private let core: ServerCore
    private let target: [UInt8]
    private let connection: Connection
    private let opened: OpenConnection
    private let state = Mutex(State())

    /// A connection of the library, used as its documentation allows: on its own thread, but for `MHD_resume_connection`.
    struct Connection: @unchecked Sendable {
        let raw: OpaquePointer
    }

    init(_ core: ServerCore, _ target: [UInt8], _ connection: OpaquePointer, _ opened: OpenConnection) {
        self.core = core
        self.target = target
        self.opened = opened
        self.connection = Connection(raw: connection)
    }

    // MARK: The library's calls

    /// The next step. `pieceSize` is set to what was left of the piece.
    func step(
        method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?, piece: UnsafePointer<CChar>?,
        pieceSize: UnsafeMutablePointer<Int>
    ) -> Bool {
        // Taken out while it is worked on: nobody else looks at it before an answer is awaited.
        let stage = state.withLock { state in
            defer { if case .waiting = state.stage {} else { state.stage = .answered } }
            return state.stage
        }
        switch stage {
        case .fresh: return begin(bytes(of: method), bytes(of: version))
        case .receiving(let request, var sink, let answer):
            guard pieceSize.pointee > 0, let piece else {
                if let refusal = refusal(sink.finish(), request) { return send(refusal, closing: true) }
                return dispatch(sink.whole(request), answer)
            }
            let bytes = UnsafeRawBufferPointer(start: piece, count: pieceSize.pointee)
            pieceSize.pointee = 0
            opened.received(bytes.count)
            if let refusal = refusal(sink.add(bytes), request) {
                put(.dropping(refusal, left: Self.mostDropped))
            } else {
                put(.receiving(request, sink, answer: answer))
            }
            return true
        case .dropping(let response, let left):
            guard pieceSize.pointee > 0 else { return send(response, closing: true) }
            let rest = left - pieceSize.pointee
            pieceSize.pointee = 0
            put(.dropping(response, left: rest))
            // One that never ends is not listened to for ever.
            return rest > 0
        case .ready(let response): return send(response, closing: core.isDraining)
        // It is suspended: the library does not call.
        case .working, .waiting: return true
        case .answered: return false
        }
    }

    /// The request is over, however that came.
    func end(isWhole: Bool) {
        cancel()
        let state = state.withLock { $0 }
        if state.isRemembered { core.forget(self) }
        opened.begin(.head)
        guard let began = state.began, let answer = state.answer, let trace = state.trace else { return }
        answer.onEnd?(isWhole)
        core.log(
            AccessRecord(
                time: began.time, peer: state.peer, method: state.method, path: answer.path, route: answer.route,
                status: answer.status, byteCount: answer.byteCount,
                duration: .nanoseconds(Int64(clamping: MonotonicClock.nanoseconds() &- began.nanoseconds)),
                isWhole: isWhole, trace: trace))
    }

    private static var mostDropped: Int { 1 << 20 }

    /// What is answered to a body that is not taken; nil where it is.
    private func refusal(_ outcome: BodySink.Outcome, _ request: HTTPRequest) -> HTTPResponse? {
        switch outcome {
        case .taken: return nil
        case .refused(let response): return response
        case .tooLong: return core.handler.refuse(ServerCore.tooLarge, trace: request.trace)
        case .tooSoon: return core.handler.refuse(ServerCore.tooSoon, trace: request.trace)
        case .failed(let error):
            core.trouble(request.trace, error)
            return core.handler.refuse(ServerCore.noRoom, trace: request.trace)
        }
    }

    private func put(_ stage: Stage) { state.withLock { $0.stage = stage } }

    // MARK: Steps

    /// Looks at the head.
    private func begin(_ method: [UInt8], _ version: [UInt8]) -> Bool {
        let known = Self.fields(connection.raw)
        let trace = TraceContext(continuing: known.only("traceparent"), random: core.random)
        let began = (core.now(), MonotonicClock.nanoseconds())
        let peer = core.client(opened, known)
        state.withLock { ($0.began, $0.trace, $0.peer) = (began, trace, peer) }
        let head = RequestGate.Head(
            method: method, target: target, version: version, fields: known, size: cmhd_head_size(connection.raw))
        let admitted: RequestGate.Admitted
        do throws(RequestGate.Refusal) { admitted = try core.gate.admit(head) } catch {
            let problem = Problem(error.status, "malformed-request", error.detail)
            return send(core.handler.refuse(problem, trace: trace), closing: true)
        }
        let request = HTTPRequest(admitted.method, admitted.target, fields: known, peer: peer, trace: trace)
        state.withLock { $0.method = admitted.method }
        switch core.handler.admit(request) {
        case .refused(let response): return send(response, closing: true)
        case .taken(let limit, let place, let answer):
            if let length = admitted.contentLength, length > Int64(limit) {
                return send(core.handler.refuse(ServerCore.tooLarge, trace: trace), closing: true)
            }
            opened.begin(.body)
            put(.receiving(request, BodySink(place, limit: limit, folder: core.bodyFolder), answer: answer))
            return true
        }
    }

    private func dispatch(_ request: HTTPRequest, _ answer: @Sendable (HTTPRequest) -> HTTPAnswer) -> Bool {
        switch answer(request) {
        case .now(let response): return send(response, closing: core.isDraining)
        case .later(let work):
            opened.begin(.waiting)
            core.remember(self)
            state.withLock { ($0.stage, $0.isRemembered) = (.working, true) }
            let task = Self.start { [self] in finish(await work()) }
            let response = state.withLock { state -> HTTPResponse? in
                if case .ready(let response) = state.stage {
                    state.stage = .answered
                    return response
                }
                state.stage = .waiting(task)
                MHD_suspend_connection(connection.raw)
                return nil
            }
            if let response { return send(response, closing: core.isDraining) }
            // Those that wait were asked to come to an end, and this one was not among them yet.
            if core.isDraining { task.cancel() }
            return true
        }
    }

    /// Begins on this thread and goes on elsewhere once it has to wait: many answers never do, and of those that are made for
    /// many together, most need no other thread until they are there.
    private static func start(_ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        if #available(macOS 26, *) { Task.immediate(operation: work) } else { Task(operation: work) }
    }

    /// The answer is there. Only the first one counts.
    func finish(_ response: HTTPResponse) {
        state.withLock { state in
            switch state.stage {
            case .working: state.stage = .ready(response)
            case .waiting:
                state.stage = .ready(response)
                MHD_resume_connection(connection.raw)
            case .fresh, .receiving, .dropping, .ready, .answered: break
            }
        }
    }

    /// Asks whoever makes the answer to come to an end.
    func cancel() {
        let task = state.withLock { state -> Task<Void, Never>? in
            if case .waiting(let task) = state.stage { task } else { nil }
        }
        task?.cancel()
    }

    // MARK: Answers

    private func send(_ response: HTTPResponse, closing: Bool) -> Bool {
        if let prepared = response.prepared, !closing {
            note(response, byteCount: prepared.byteCount)
            return MHD_queue_response(connection.raw, UInt32(response.status.code), prepared.raw) == .YES
        }
        var byteCount: Int64? = 0
        let raw: OpaquePointer?
        switch response.body {
        case .none: raw = MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
        case .bytes(let bytes):
            byteCount = Int64(bytes.count)
            raw = bytes.withUnsafeBytes { bytes in
                MHD_create_response_from_buffer(
                    bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
            }
        case .file(let file, let offset, let count):
            byteCount = count
            raw = Self.response(of: file, offset, count)
        case .stream(let stream):
            byteCount = nil
            raw = open(stream)
        }
        note(response, byteCount: byteCount)
        guard let raw else { return false }
        defer { MHD_destroy_response(raw) }
        for (name, value) in response.fields { MHD_add_response_header(raw, name, value) }
        if closing { MHD_add_response_header(raw, "Connection", "close") }
        return MHD_queue_response(connection.raw, UInt32(response.status.code), raw) == .YES
    }

    /// Remembers what goes out, for the log.
    private func note(_ response: HTTPResponse, byteCount: Int64?) {
        let sent = Sent(
            status: response.status.code, byteCount: byteCount, path: response.loggedPath, route: response.route,
            onEnd: response.onEnd)
        state.withLock { $0.answer = sent }
        opened.begin(isEndless(response) ? .waiting : .answer)
    }

    private func isEndless(_ response: HTTPResponse) -> Bool { if case .stream = response.body { true } else { false } }

    private static func response(of file: File, _ offset: Int64, _ count: Int64) -> OpaquePointer? {
        guard let offset = UInt64(exactly: offset), let count = UInt64(exactly: count) else { return nil }
        let descriptor = ForeignDescriptor.duplicate(file.descriptor)
        guard descriptor >= 0 else { return nil }
        // Closed by the library with the response; where it makes none, by us.
        let response = MHD_create_response_from_fd_at_offset64(count, descriptor, offset)
        if response == nil { ForeignDescriptor.close(descriptor) }
        return response
    }

    private func open(_ stream: ByteStream) -> OpaquePointer? {
        stream.open { [opened] in opened.cut() }
        core.remember(stream)
        let context = Unmanaged.passRetained(StreamContext(stream, connection, core)).toOpaque()
        return MHD_create_response_from_callback(cmhd_size_unknown, 4096, readStream, context, releaseStream)
    }

    // MARK: What the library knows

    private func bytes(of text: UnsafePointer<CChar>?) -> [UInt8] {
        guard let text else { return [] }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private static func fields(_ connection: OpaquePointer) -> HTTPFields {
        let found = FieldList()
        MHD_get_connection_values_n(connection, .HEADER_KIND, addField, Unmanaged.passUnretained(found).toOpaque())
        return found.fields
    }
}

/// Where the library's iteration puts fields; on one thread only.
private final class FieldList {
    var fields = HTTPFields()
}

private func addField(
    _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ nameSize: Int,
    _ value: UnsafePointer<CChar>?, _ valueSize: Int
) -> MHD_Result {
    guard let context else { return .NO }
    let list = Unmanaged<FieldList>.fromOpaque(context).takeUnretainedValue()
    let name = UnsafeRawBufferPointer(start: name, count: name == nil ? 0 : nameSize)
    let value = UnsafeRawBufferPointer(start: value, count: value == nil ? 0 : valueSize)
    list.fields.append(name, value)
    return .YES
}

/// What the library holds while it sends a stream.
private final class StreamContext {
    let stream: ByteStream
    let connection: Exchange.Connection
    let core: ServerCore

    init(_ stream: ByteStream, _ connection: Exchange.Connection, _ core: ServerCore) {
        self.stream = stream
        self.connection = connection
        self.core = core
    }
}

private func readStream(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int
) -> Int {
    guard let context, let buffer else { return Int(MHD_CONTENT_READER_END_WITH_ERROR) }
    let stream = Unmanaged<StreamContext>.fromOpaque(context).takeUnretainedValue()
    let connection = stream.connection
    let next = stream.stream.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size)) {
        MHD_suspend_connection(connection.raw)
        return { MHD_resume_connection(connection.raw) }
    }
    switch next {
    case .bytes(let count): return count
    case .sleep: return 0
    case .end: return Int(MHD_CONTENT_READER_END_OF_STREAM)
    }
}

private func releaseStream(_ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    let stream = Unmanaged<StreamContext>.fromOpaque(context).takeRetainedValue()
    stream.core.forget(stream.stream)
    stream.stream.close()
}
