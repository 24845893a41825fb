import Synchronization
import System

/// Where a body is put as it comes.
public enum BodyPlace: Sendable {
    /// In `HTTPRequest.body`.
    case memory
    /// In `HTTPRequest.bodyFile`, since it may be far longer than anybody wants to hold; once that is allowed.
    case file(BodyPermit)
}

/// Whether somebody may bring a long body, which is found out while it begins to come: nobody whose business it is not fills
/// the disk.
public final class BodyPermit: Sendable {
    enum State {
        case pending
        case allowed
        case refused(HTTPResponse)
    }

    private let content = Mutex(State.pending)

    /// Not known yet.
    public init() {}

    /// It may come.
    public func allow() { content.withLock { $0 = .allowed } }

    /// It may not, and this is the answer.
    public func refuse(_ response: HTTPResponse) { content.withLock { $0 = .refused(response) } }

    var state: State { content.withLock { $0 } }
}

/// Takes the pieces of a body. A file has no name, and is gone with the last one who has it open.
struct BodySink: Sendable {
    /// What has become of a piece.
    enum Outcome {
        case taken
        /// There is more of it than is taken.
        case tooLong
        /// It is not known yet who that is, and much has come.
        case tooSoon
        /// Its sender may not bring it.
        case refused(HTTPResponse)
        /// It cannot be kept.
        case failed(SystemError)
    }

    private let place: BodyPlace
    private let limit: Int
    private let folder: String
    private var bytes: [UInt8] = []
    private var file: File?
    private var count = 0

    /// Bytes that are held in memory until it is known who brings them.
    private static let mostPending = 1 << 20

    /// Nothing yet; at most `limit` bytes. Files are made in `folder`.
    init(_ place: BodyPlace, limit: Int, folder: String) {
        self.place = place
        self.limit = limit
        self.folder = folder
    }

    /// Keeps a piece.
    mutating func add(_ piece: UnsafeRawBufferPointer) -> Outcome {
        guard piece.count <= limit - count else { return .tooLong }
        count += piece.count
        guard case .file(let permit) = place else {
            bytes += piece
            return .taken
        }
        switch permit.state {
        case .refused(let response): return .refused(response)
        case .pending where count > Self.mostPending: return .tooSoon
        case .pending:
            bytes += piece
            return .taken
        case .allowed: return write(piece)
        }
    }

    /// The body has ended: what is still in memory goes where it belongs.
    mutating func finish() -> Outcome {
        guard case .file(let permit) = place else { return .taken }
        if case .refused(let response) = permit.state { return .refused(response) }
        return bytes.isEmpty ? .taken : write(UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private mutating func write(_ piece: UnsafeRawBufferPointer) -> Outcome {
        do throws(SystemError) {
            let file = if let file { file } else { try Directory.open(folder).createNamelessFile() }
            self.file = file
            if !bytes.isEmpty { try file.write(bytes) }
            bytes = []
            try file.write(piece)
            return .taken
        } catch { return .failed(error) }
    }

    /// The request with the body that has come.
    func whole(_ request: HTTPRequest) -> HTTPRequest {
        var request = request
        request.body = bytes
        request.bodyFile = file
        return request
    }
}
