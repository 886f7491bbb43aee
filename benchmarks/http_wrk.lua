-- The requests that `benchmarks.http_orders` wrote, each order under a new id, and what wrk measured as one JSON object.
local requests, turn, number = {}, 0, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("[^\1]+") do
    local parts = {}
    for piece in request:gmatch("[^\2]+") do
      parts[#parts + 1] = piece
      parts[#parts + 1] = ""
    end
    parts[#parts] = nil
    requests[#requests + 1] = parts
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  local parts = requests[turn]
  for place = 2, #parts, 2 do
    number = number + 1
    parts[place] = string.format("%012d", number)
  end
  return table.concat(parts)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
