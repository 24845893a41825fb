import CSystem
import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// A program that this process has started.
///
/// It has no descriptor of ours but its three streams, takes all signals as usual, and learns by the end of its standard
/// input when this process is gone, however it went.
public final class ChildProcess: Sendable {
    /// Where its standard output goes.
    public enum Output: Sendable {
        /// Where ours goes.
        case inherited
        /// To `readOutput`.
        case captured
    }

    /// How it ended.
    public enum Exit: Equatable, Sendable, CustomStringConvertible {
        /// By itself, with this code.
        case code(Int32)
        /// By this signal.
        case signal(Int32)

        /// In words.
        public var description: String {
            switch self {
            case .code(let code): "ended with code \(code)"
            case .signal(let number): "was ended by signal \(number)"
            }
        }
    }

    /// Its process id.
    public let identifier: Int32
    /// The writing end of its standard input; nil once it was let go.
    private let lifeline: Mutex<CInt?>
    private let output: CInt?
    /// Whether its end was taken: its number may be another process's then.
    private let isGone = Mutex(false)

    /// Starts the program at `path`.
    ///
    /// - Parameter environment: `NAME=VALUE`; all that it gets.
    public static func start(
        _ path: String, _ arguments: [String], environment: [String], output: Output = .inherited
    ) throws(SystemError) -> ChildProcess {
        let input = try makePipe()
        defer { close(input.readEnd) }
        var captured: (readEnd: CInt, writeEnd: CInt)?
        defer { if let captured { close(captured.writeEnd) } }
        do throws(SystemError) {
            var streams: [(from: CInt, to: CInt)] = [(input.readEnd, 0)]
            if case .captured = output {
                let pipe = try makePipe()
                captured = pipe
                streams.append((pipe.writeEnd, 1))
            }
            let identifier = try spawn(path, arguments, environment, streams)
            return ChildProcess(identifier, lifeline: input.writeEnd, output: captured?.readEnd)
        } catch {
            close(input.writeEnd)
            if let captured { close(captured.readEnd) }
            throw error
        }
    }

    private init(_ identifier: Int32, lifeline: CInt, output: CInt?) {
        self.identifier = identifier
        self.lifeline = Mutex(lifeline)
        self.output = output
    }

    deinit {
        letGo()
        if let output { close(output) }
    }

    /// Ends its standard input, as the end of this process would. Once is as good as several times.
    public func letGo() {
        lifeline.withLock { lifeline in
            if let lifeline { close(lifeline) }
            lifeline = nil
        }
    }

    /// Sends a signal; one that has ended already gets none.
    public func send(_ signal: Signals.Kind) { send(signal.rawValue) }

    /// Ends it at once, whatever it does.
    public func kill9() { send(SIGKILL) }

    private func send(_ signal: CInt) { isGone.withLock { if !$0 { kill(identifier, signal) } } }

    /// What it wrote to its standard output, to the end; at most `limit` bytes.
    public func readOutput(limit: Int) throws(SystemError) -> [UInt8] {
        guard let output else { return [] }
        return try readStream(output, name: "the output of process \(identifier)", limit: limit)
    }

    /// Waits until it ends; to be called once. It blocks this thread.
    public func wait() -> Exit {
        // Its end is only looked at here, and taken where nobody can be sending it a signal.
        var information = siginfo_t()
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        var status: CInt = 0
        let isTaken = isGone.withLock { isGone in
            isGone = true
            var answer = waitpid(identifier, &status, 0)
            while answer < 0, errno == EINTR { answer = waitpid(identifier, &status, 0) }
            return answer >= 0
        }
        // Somebody else has taken it: there is nothing to be known.
        guard isTaken else { return .code(-1) }
        let signal = status & 0x7F
        return signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal)
    }

    /// Returns when it has ended; to be called once.
    public func ended() async -> Exit {
        await withCheckedContinuation { continuation in
            // A thread for each child, which does nothing but wait.
            DispatchQueue(label: "child-\(identifier)").async { continuation.resume(returning: self.wait()) }
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], _ streams: [(from: CInt, to: CInt)]
    ) throws(SystemError) -> Int32 {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for stream in streams { posix_spawn_file_actions_adddup2(&actions, stream.from, stream.to) }
        // What a library has opened may lack the mark that closes it.
        #if canImport(Darwin)
            let othersAreClosed = POSIX_SPAWN_CLOEXEC_DEFAULT
            for stream in 0...2 where !streams.contains(where: { $0.to == stream }) {
                posix_spawn_file_actions_addinherit_np(&actions, CInt(stream))
            }
        #else
            let othersAreClosed: CInt = 0
            csystem_close_from(&actions, 3)
        #endif
        var all = sigset_t()
        sigfillset(&all)
        // A child must not inherit that we ignore a signal, or that a thread of ours blocks it.
        sigdelset(&all, SIGKILL)
        sigdelset(&all, SIGSTOP)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: what a terminal sends reaches this process alone, which passes it on.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP | othersAreClosed)
        )

        let words = CStrings([path] + arguments)
        let variables = CStrings(environment)
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, path, &actions, &attributes, words.pointers, variables.pointers)
        guard code == 0 else { throw SystemError(operation: "start", path: path, code: code) }
        return identifier
    }

    /// Texts as C has them: an array of pointers that ends with a null.
    private final class CStrings {
        let pointers: [UnsafeMutablePointer<CChar>?]

        init(_ texts: [String]) { pointers = texts.map { strdup($0) } + [nil] }

        deinit { for pointer in pointers { free(pointer) } }
    }
}
