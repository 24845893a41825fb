public import System

/// A worker as it presents itself with each beat.
public struct WorkerRecord: Sendable, Equatable {
    /// Its name, which no other worker ever had: leases name it.
    public let name: String
    /// The machine.
    public let host: String
    /// The process.
    public let processID: Int32
    /// The program.
    public let version: String
    /// The lanes that it serves; nil for all.
    public let lanes: [Lane]?
    /// It finishes what it has and takes nothing more.
    public var isDraining: Bool

    /// A worker.
    public init(
        name: String, host: String, processID: Int32, version: String, lanes: [Lane]?, isDraining: Bool = false
    ) {
        self.name = name
        self.host = host
        self.processID = processID
        self.version = version
        self.lanes = lanes
        self.isDraining = isDraining
    }

    func validate() throws(QueueError) {
        try validateName("worker", name)
        try validateName("host", host)
        try validateName("version", version)
        if let lanes, lanes.count > 1000 {
            throw .invalid(field: "lanes", value: "\(lanes.count) lanes", expected: "at most 1000")
        }
    }

    func serves(_ lane: Lane) -> Bool { !isDraining && lanes?.contains(lane) != false }
}

/// A worker as the queue knows it.
public struct WorkerStatus: Sendable, Equatable {
    /// What it said of itself.
    public let record: WorkerRecord
    /// Its first beat.
    public let started: Timestamp
    /// Its last.
    public let lastBeat: Timestamp
    /// Whether that was recently enough.
    public let isAlive: Bool
    /// The jobs that it has.
    public let jobs: [Job.ID]
}
