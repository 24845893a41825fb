import System

/// Where the pieces of a body go: into memory, or into a file without a name, which is gone with the last one who has it open.
struct BodySink: Sendable {
    /// What has become of a piece.
    enum Outcome {
        case taken
        /// There is more of it than is taken.
        case tooLong
        /// It cannot be kept.
        case failed(SystemError)
    }

    private let place: BodyPlace
    private let limit: Int
    private let folder: String
    private var bytes: [UInt8] = []
    private var file: File?
    private var count = 0

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
        switch place {
        case .memory: bytes += piece
        case .file:
            do throws(SystemError) {
                let file = if let file { file } else { try Directory.open(folder).createNamelessFile() }
                self.file = file
                try file.write(piece)
            } catch { return .failed(error) }
        }
        return .taken
    }

    /// The request with the body that has come.
    func whole(_ request: HTTPRequest) -> HTTPRequest {
        var request = request
        request.body = bytes
        request.bodyFile = file
        return request
    }
}
