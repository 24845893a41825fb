import Access
import HTTP
import Synchronization
import System

/// How much one caller may ask: so many requests a minute, as many of them at once as they have saved up.
final class RateLimiter: Sendable {
    /// What becomes of a request.
    struct Verdict: Sendable {
        let isAllowed: Bool
        /// Requests that may come at once after it.
        let left: Int
        /// Until there are as many as there can be; of one that is refused, until the next may come.
        let wait: Duration
    }

    /// Requests in a minute.
    let perMinute: Int
    private let nanoseconds: @Sendable () -> UInt64
    /// For each caller when all that was used is made up for.
    private let debts = Mutex<[String: UInt64]>([:])

    private static let minute: UInt64 = 60_000_000_000
    private static let mostCallers = 20_000

    init(perMinute: Int, nanoseconds: @escaping @Sendable () -> UInt64 = MonotonicClock.nanoseconds) {
        self.perMinute = max(1, perMinute)
        self.nanoseconds = nanoseconds
    }

    /// Counts a request of that caller's, if it may come.
    func take(_ caller: String) -> Verdict {
        let (now, price) = (nanoseconds(), Self.minute / UInt64(perMinute))
        return debts.withLock { debts in
            if debts.count >= Self.mostCallers { debts = debts.filter { $0.value > now } }
            let debt = max(debts[caller] ?? 0, now)
            guard debt + price <= now + Self.minute else {
                return Verdict(isAllowed: false, left: 0, wait: .nanoseconds(Int64(debt + price - now - Self.minute)))
            }
            debts[caller] = debt + price
            let used = debt + price - now
            return Verdict(isAllowed: true, left: Int((Self.minute - used) / price), wait: .nanoseconds(Int64(used)))
        }
    }
}

extension RateLimiter.Verdict {
    /// Tells a client how much is left, as the draft of the IETF's HTTP API group has it.
    func tell(_ response: inout HTTPResponse, perMinute: Int) {
        response.set("RateLimit-Policy", "\"caller\";q=\(perMinute);w=60")
        response.set("RateLimit", "\"caller\";r=\(left);t=\(max(1, wait.components.seconds))")
    }
}
