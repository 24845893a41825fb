import System

extension Job {
    /// How far a running job has come, for people.
    public struct Progress: Sendable, Equatable {
        /// What is being done, at most 64 bytes.
        public let stage: String
        /// Units done, from 0 to `total`.
        public let done: Int64
        /// Units in all; 0 where that is not known.
        public let total: Int64

        /// Figures that make no sense are brought to the nearest that do: they must never stop a job.
        public init(stage: String, done: Int64, total: Int64) {
            self.stage = clipped(stage, toByteCount: 64)
            self.total = max(total, 0)
            self.done = min(max(done, 0), self.total)
        }
    }

    /// Why an attempt failed. No secret may be in it: it is shown to whoever sees the job.
    public struct Failure: Sendable, Equatable {
        /// A stable word for programs, in lower case with hyphens, at most 64 bytes.
        public let code: String
        /// One sentence for people, at most 2,000 bytes.
        public let message: String
        /// Whether another attempt could succeed.
        public let isRetryable: Bool

        /// Texts that are too long are cut.
        public init(code: String, message: String, isRetryable: Bool) {
            self.code = clipped(code, toByteCount: 64)
            self.message = clipped(message, toByteCount: 2000)
            self.isRetryable = isRetryable
        }

        /// The failure of an attempt whose worker was not heard of in time.
        static func leaseExpired(worker: String, attempt: Int) -> Failure {
            Failure(
                code: "lease-expired",
                message: "worker \(worker) stopped renewing its lease during attempt \(attempt); it may have crashed",
                isRetryable: true)
        }

        /// The failure of an attempt that took longer than the job allows.
        public static func timeLimit(_ limit: TimeLimits.Kind, attempt: Int) -> Failure {
            switch limit {
            case .total(let duration):
                Failure(
                    code: "time-limit", message: "attempt \(attempt) took longer than \(seconds(duration))",
                    isRetryable: true)
            case .idle(let duration):
                Failure(
                    code: "idle-limit",
                    message: "attempt \(attempt) showed no progress for \(seconds(duration))", isRetryable: true)
            }
        }

        private static func seconds(_ duration: Duration) -> String {
            let milliseconds = duration.wholeMilliseconds
            return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
        }
    }

    /// How long one attempt may take. What is nil has no limit.
    public struct TimeLimits: Sendable, Equatable {
        /// From the claim to the end.
        public var total: Duration?
        /// Without progress: since the claim, or since `report` last said something new.
        public var idle: Duration?

        /// Limits.
        public init(total: Duration? = nil, idle: Duration? = nil) {
            self.total = total
            self.idle = idle
        }

        /// Which of the two.
        public enum Kind: Sendable, Equatable {
            case total(Duration)
            case idle(Duration)
        }
    }

    /// The finished file that a job has led to.
    public struct Result: Sendable, Equatable {
        /// SHA-256 of the content, 64 lower-case hexadecimal digits.
        public let sha256: String
        /// Length of the content.
        public let byteCount: Int64
        /// The name under which people get it: one path component of at most 255 bytes.
        public let fileName: String

        /// - Throws: `.invalid` for a digest, a length or a name that cannot be one.
        public init(sha256: String, byteCount: Int64, fileName: String) throws(QueueError) {
            guard sha256.utf8.count == 64, sha256.utf8.allSatisfy({ hexadecimalValue(of: $0) != nil }) else {
                throw .invalid(field: "sha256", value: sha256, expected: "64 lower-case hexadecimal digits")
            }
            guard byteCount >= 0 else {
                throw .invalid(field: "size", value: "\(byteCount)", expected: "a number of bytes from 0")
            }
            guard (1...255).contains(fileName.utf8.count), !fileName.utf8.contains(0), !fileName.utf8.contains(0x2F)
            else { throw .invalid(field: "fileName", value: fileName, expected: "a file name of 1 to 255 bytes") }
            self.sha256 = sha256
            self.byteCount = byteCount
            self.fileName = fileName
        }
    }
}

/// `text` without the scalars that would make it longer than `limit` bytes.
private func clipped(_ text: String, toByteCount limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var kept = String.UnicodeScalarView()
    var byteCount = 0
    for scalar in text.unicodeScalars {
        byteCount += UTF8.width(scalar)
        if byteCount > limit { break }
        kept.append(scalar)
    }
    return String(kept)
}
