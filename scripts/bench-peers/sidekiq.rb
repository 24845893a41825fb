# Measures Sidekiq and prints one line of JSON; in its worker process, where it is loaded by `sidekiq`, runs the jobs.
#
#     ruby sidekiq.rb SOCKET
#
# What is measured, and how, is as in measuring.py.
require "json"
require "sidekiq"

# It calls redis-rb as older ones wanted to be called. Debian's writes lines about that for each call, which would take
# a part of the time.
Redis.silence_deprecations = true

JOBS = 20_000
BULK = 100_000
PER_CALL = 1000
SAMPLES = 50
UNMEASURED = 5
PATIENCE = 30
PAYLOAD = "x" * 64

def nanoseconds = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)

def connection = { url: "unix://" + ENV.fetch("BENCH_SOCKET") }

class BenchJob
  include Sidekiq::Worker

  @lock = Mutex.new
  @seen = 0

  class << self
    def started(sent)
      now = nanoseconds
      @tell ||= IO.for_fd(Integer(ENV.fetch("BENCH_TELL")), "w")
      return @tell.syswrite("#{now - sent}\n") if sent != 0

      @lock.synchronize do
        @seen += 1
        @first = now if @seen == 1
        @tell.syswrite("#{now - @first}\n") if @seen == JOBS + 1
      end
    end
  end

  def perform(sent, _payload) = self.class.started(sent)
end

Sidekiq.configure_server do |config|
  # It would write two lines for each job.
  config.logger.level = Logger::ERROR
  config.redis = connection
end

def figure(measure, unit, value, count) = { measure: measure, unit: unit, median: value, count: count }

def rate(measure, count)
  start = nanoseconds
  yield
  figure(measure, "/s", count * 1e9 / (nanoseconds - start), count)
end

def memory = Sidekiq.redis { |redis| redis.info("memory") }.fetch("used_memory").to_i

def percentile(samples, percent) = samples.sort[[1, (samples.size * percent + 99) / 100].max - 1]

# The next figure of the worker; nil when none comes in time.
def read(worker) = IO.select([worker], nil, nil, PATIENCE) && worker.gets&.to_i

# Its usual ten threads.
def with_worker
  reading, writing = IO.pipe
  environment = { "BENCH_TELL" => writing.fileno.to_s }
  worker = spawn(environment, "sidekiq", "-r", File.expand_path(__FILE__), writing => writing, out: :err)
  writing.close
  yield reading
ensure
  Process.kill(:KILL, worker)
  Process.wait(worker)
end

def latency(worker)
  (UNMEASURED + SAMPLES).times do
    sleep(rand(0.1..0.3))
    BenchJob.perform_async(nanoseconds, PAYLOAD)
  end
  samples = (UNMEASURED + SAMPLES).times.map { read(worker) }.compact.drop(UNMEASURED).map { |sample| sample / 1e6 }
  return [] if samples.empty?

  [50, 99].map { |percent| figure("latency-p#{percent}", "ms", percentile(samples, percent), samples.size) }
end

def measure
  # Connects, and makes what is made but once.
  BenchJob.perform_async(0, PAYLOAD)
  before = memory
  figures = [rate("enqueue-1", JOBS) { JOBS.times { BenchJob.perform_async(0, PAYLOAD) } }]
  figures << figure("memory", "bytes", (memory - before) / JOBS.to_f - PAYLOAD.size, JOBS)
  with_worker do |worker|
    drained = read(worker)
    if drained
      figures << figure("drain", "/s", JOBS * 1e9 / drained, JOBS + 1)
      figures.concat(latency(worker))
    end
  end
  figures << rate("enqueue-bulk", BULK) do
    (BULK / PER_CALL).times do
      Sidekiq::Client.push_bulk("class" => BenchJob, "args" => Array.new(PER_CALL) { [0, PAYLOAD] })
    end
  end
end

if __FILE__ == $PROGRAM_NAME
  ENV["BENCH_SOCKET"] = ARGV.fetch(0)
  Sidekiq.configure_client { |config| config.redis = connection }
  puts JSON.generate(subject: "sidekiq", figures: measure)
end
