/// The launchd job that runs a node's server: started with the Mac, started again when it ends.
///
/// Source: `launchd.plist(5)`. The file is 0644, since launchd refuses one that others may write, so it holds no
/// secret; the server reads those from its configuration.
struct LaunchdJob {
    let daemon: DaemonCommand

    /// The property list of the job.
    var document: [UInt8] {
        PropertyList.dictionary([
            (key: "Label", value: .string(InstallerLayout.label)),
            (key: "ProgramArguments", value: .array(daemon.words.map { .string($0) })),
            (key: "RunAtLoad", value: .bool(true)),
            (key: "KeepAlive", value: .bool(true)),
            (key: "ThrottleInterval", value: .integer(10)),
            // The server has 30 seconds to finish what it has begun; launchd's own bound is shorter.
            (key: "ExitTimeOut", value: .integer(40)),
            (key: "WorkingDirectory", value: .string(InstallerLayout.configurationFolder)),
            (key: "StandardOutPath", value: .string(InstallerLayout.log)),
            (key: "StandardErrorPath", value: .string(InstallerLayout.log)),
        ]).document
    }
}
