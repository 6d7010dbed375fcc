-- What wrk sends. Arguments: the method; how tokens are used; the file with the tokens, one a line.
--   same   one request again and again, with the headers that wrk was given
--   ring   the tokens in turn, and again from the first
--   once   each token once
local tokens, position, threads = {}, 0, {}
ranOut = 0

local function send(token)
  return wrk.format(nil, nil, { ['Authorization'] = 'Bearer ' .. token })
end

local take = {}

function take.ring()
  position = position % #tokens + 1
  return send(tokens[position])
end

function take.once()
  if position == #tokens then
    ranOut = 1
  else
    position = position + 1
  end
  return send(tokens[position])
end

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  wrk.method = args[1]
  if args[2] == 'same' then return end
  for line in io.lines(args[3]) do tokens[#tokens + 1] = line end
  request = take[args[2]]
end

-- The last line of the output is for the program that has started wrk.
function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  local line = '\n{"requests":%d,"microseconds":%d,"refused":%d,"lost":%d,"ranOut":%d,"p50":%d,"p99":%d}\n'
  local ranOut = threads[1]:get('ranOut')
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(line:format(summary.requests, summary.duration, errors.status, lost, ranOut, p50, p99))
end
