import Foundation
import Testing

/// Runs `body` on a thread with a umask and a working folder of its own: those of the process, which every other test
/// shares, stay as they are.
func withOwnSurroundings<Result: Sendable>(
    umask mask: mode_t = 0o022, in folder: String = "/", _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(
                with: Swift.Result {
                    try #require(unshare(0x200 /* CLONE_FS */) == 0)
                    _ = umask(mask)
                    try #require(chdir(folder) == 0)
                    return try body()
                })
        }
    }
}

/// Two calls of Linux that Swift's module for its C library does not carry.
private let unshare = linuxCall("unshare", as: (@convention(c) (CInt) -> CInt).self)
private let renameat2 = linuxCall(
    "renameat2", as: (@convention(c) (CInt, UnsafePointer<CChar>, CInt, UnsafePointer<CChar>, UInt32) -> CInt).self)

private func linuxCall<Function>(_ name: String, as type: Function.Type) -> Function {
    guard let address = dlsym(nil, name) else { preconditionFailure("this system has no \(name)") }
    return unsafeBitCast(address, to: type)
}

/// Gives each of two paths what the other one had; at no moment is one of them missing.
func exchange(_ one: String, _ other: String) -> Bool { renameat2(AT_FDCWD, one, AT_FDCWD, other, 2) == 0 }

/// How many descriptors of this process are open at `path` or below it.
func openDescriptors(below path: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count { name in
        // A descriptor of another test may close meanwhile: it was not below this path.
        let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)) ?? ""
        return target == path || target.hasPrefix(path + "/")
    }
}
