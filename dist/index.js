import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
/******/ var __webpack_modules__ = ({

/***/ 728:
/***/ (function(module, __unused_webpack_exports, __nccwpck_require__) {

/* @license
Papa Parse
v5.7.1
https://github.com/mholt/PapaParse
License: MIT
*/

(function(root, factory)
{
	/* globals define */
	if (typeof define === 'function' && define.amd)
	{
		// AMD. Register as an anonymous module.
		define([], factory);
	}
	else if (true)
	{
		// Node. Does not work with strict CommonJS, but
		// only CommonJS-like environments that support module.exports,
		// like Node.
		module.exports = factory();
	}
	else
	{}
	// in strict mode we cannot access arguments.callee, so we need a named reference to
	// stringify the factory method for the blob worker
	// eslint-disable-next-line func-name
}(this, function moduleFactory()
{
	'use strict';

	var global = (function() {
		// alternative method, similar to `Function('return this')()`
		// but without using `eval` (which is disabled when
		// using Content Security Policy).

		if (typeof self !== 'undefined') { return self; }
		if (typeof window !== 'undefined') { return window; }
		if (typeof global !== 'undefined') { return global; }

		// When running tests none of the above have been defined
		return {};
	})();


	function getWorkerBlob() {
		var URL = global.URL || global.webkitURL || null;
		var code = moduleFactory.toString();
		return Papa.BLOB_URL || (Papa.BLOB_URL = URL.createObjectURL(new Blob(["var global = (function() { if (typeof self !== 'undefined') { return self; } if (typeof window !== 'undefined') { return window; } if (typeof global !== 'undefined') { return global; } return {}; })(); global.IS_PAPA_WORKER=true; ", '(', code, ')();'], {type: 'text/javascript'})));
	}

	var IS_WORKER = !global.document && !!global.postMessage,
		IS_PAPA_WORKER = global.IS_PAPA_WORKER || false;

	var workers = {}, workerIdCounter = 0;

	var Papa = {};

	Papa.parse = CsvToJson;
	Papa.unparse = JsonToCsv;

	Papa.RECORD_SEP = String.fromCharCode(30);
	Papa.UNIT_SEP = String.fromCharCode(31);
	Papa.BYTE_ORDER_MARK = '\ufeff';
	Papa.BAD_DELIMITERS = ['\r', '\n', '"', Papa.BYTE_ORDER_MARK];
	Papa.WORKERS_SUPPORTED = !IS_WORKER && !!global.Worker;
	Papa.NODE_STREAM_INPUT = 1;

	// Configurable chunk sizes for local and remote files, respectively
	Papa.LocalChunkSize = 1024 * 1024 * 10;	// 10 MB
	Papa.RemoteChunkSize = 1024 * 1024 * 5;	// 5 MB
	Papa.DefaultDelimiter = ',';			// Used if not specified and detection fails

	// Exposed for testing and development only
	Papa.Parser = Parser;
	Papa.ParserHandle = ParserHandle;
	Papa.NetworkStreamer = NetworkStreamer;
	Papa.FileStreamer = FileStreamer;
	Papa.StringStreamer = StringStreamer;
	Papa.ReadableStreamStreamer = ReadableStreamStreamer;
	if (typeof PAPA_BROWSER_CONTEXT === 'undefined') {
		Papa.DuplexStreamStreamer = DuplexStreamStreamer;
	}

	if (IS_PAPA_WORKER)
	{
		global.onmessage = workerThreadReceivedMessage;
	}

	// Strip character from UTF-8 BOM encoded files that cause issue parsing the file
	function stripBom(string) {
		if (string.charCodeAt(0) === 0xfeff) {
			return string.slice(1);
		}
		return string;
	}

	function CsvToJson(_input, _config)
	{
		_config = _config || {};
		var dynamicTyping = _config.dynamicTyping || false;
		if (isFunction(dynamicTyping)) {
			_config.dynamicTypingFunction = dynamicTyping;
			// Will be filled on first row call
			dynamicTyping = {};
		}
		_config.dynamicTyping = dynamicTyping;

		_config.transform = isFunction(_config.transform) ? _config.transform : false;

		if (_config.downloadTimeout !== undefined)
		{
			var downloadTimeout = parseInt(_config.downloadTimeout);
			if (isNaN(downloadTimeout))
			{
				throw new Error('Config downloadTimeout value (' + _config.downloadTimeout + ') not parsable by parseInt(val).');
			}
			_config.downloadTimeout = downloadTimeout;
		}

		if (_config.worker && Papa.WORKERS_SUPPORTED)
		{
			var w = newWorker();

			w.userStep = _config.step;
			w.userChunk = _config.chunk;
			w.userComplete = _config.complete;
			w.userError = _config.error;

			_config.step = isFunction(_config.step);
			_config.chunk = isFunction(_config.chunk);
			_config.complete = isFunction(_config.complete);
			_config.error = isFunction(_config.error);
			delete _config.worker;	// prevent infinite loop

			w.postMessage({
				input: _input,
				config: _config,
				workerId: w.id
			});

			return;
		}

		var streamer = null;
		if (_input === Papa.NODE_STREAM_INPUT && typeof PAPA_BROWSER_CONTEXT === 'undefined')
		{
			// create a node Duplex stream for use
			// with .pipe
			streamer = new DuplexStreamStreamer(_config);
			return streamer.getStream();
		}
		else if (typeof _input === 'string')
		{
			_input = stripBom(_input);
			if (_config.download)
				streamer = new NetworkStreamer(_config);
			else
				streamer = new StringStreamer(_config);
		}
		else if (_input.readable === true && isFunction(_input.read) && isFunction(_input.on))
		{
			streamer = new ReadableStreamStreamer(_config);
		}
		else if ((global.File && _input instanceof File) || _input instanceof Object)	// ...Safari. (see issue #106)
			streamer = new FileStreamer(_config);

		return streamer.stream(_input);
	}






	function JsonToCsv(_input, _config)
	{
		// Default configuration

		/** whether to surround every datum with quotes */
		var _quotes = false;

		/** whether to write headers */
		var _writeHeader = true;

		/** delimiting character(s) */
		var _delimiter = ',';

		/** newline character(s) */
		var _newline = '\r\n';

		/** quote character */
		var _quoteChar = '"';

		/** escaped quote character, either "" or <config.escapeChar>" */
		var _escapedQuote = _quoteChar + _quoteChar;

		/** whether to skip empty lines */
		var _skipEmptyLines = false;

		/** the columns (keys) we expect when we unparse objects */
		var _columns = null;

		/** whether to prevent outputting cells that can be parsed as formulae by spreadsheet software (Excel and LibreOffice) */
		var _escapeFormulae = false;

		unpackConfig();

		var quoteCharRegex = new RegExp(escapeRegExp(_quoteChar), 'g');

		if (typeof _input === 'string')
			_input = JSON.parse(_input);

		if (Array.isArray(_input))
		{
			if (!_input.length)
				return serialize(_columns, _input, _skipEmptyLines);
			else if (Array.isArray(_input[0]))
				return serialize(null, _input, _skipEmptyLines);
			else if (typeof _input[0] === 'object')
				return serialize(_columns || Object.keys(_input[0]), _input, _skipEmptyLines);
		}
		else if (typeof _input === 'object')
		{
			if (typeof _input.data === 'string')
				_input.data = JSON.parse(_input.data);

			if (Array.isArray(_input.data))
			{
				if (!_input.fields)
					_input.fields = _input.meta && _input.meta.fields || _columns;

				if (!_input.fields)
					_input.fields =  Array.isArray(_input.data[0])
						? _input.fields
						: typeof _input.data[0] === 'object'
							? Object.keys(_input.data[0])
							: [];

				if (!(Array.isArray(_input.data[0])) && typeof _input.data[0] !== 'object')
					_input.data = [_input.data];	// handles input like [1,2,3] or ['asdf']
			}

			return serialize(_input.fields || [], _input.data || [], _skipEmptyLines);
		}

		// Default (any valid paths should return before this)
		throw new Error('Unable to serialize unrecognized input');


		function unpackConfig()
		{
			if (typeof _config !== 'object')
				return;

			if (typeof _config.delimiter === 'string'
                && !Papa.BAD_DELIMITERS.filter(function(value) { return _config.delimiter.indexOf(value) !== -1; }).length)
			{
				_delimiter = _config.delimiter;
			}

			if (typeof _config.quotes === 'boolean'
				|| typeof _config.quotes === 'function'
				|| Array.isArray(_config.quotes))
				_quotes = _config.quotes;

			if (typeof _config.skipEmptyLines === 'boolean'
				|| typeof _config.skipEmptyLines === 'string')
				_skipEmptyLines = _config.skipEmptyLines;

			if (typeof _config.newline === 'string')
				_newline = _config.newline;

			if (typeof _config.quoteChar === 'string') {
				_quoteChar = _config.quoteChar;
				_escapedQuote = _quoteChar + _quoteChar;
			}

			if (typeof _config.header === 'boolean')
				_writeHeader = _config.header;

			if (Array.isArray(_config.columns)) {

				if (_config.columns.length === 0) throw new Error('Option columns is empty');

				_columns = _config.columns;
			}

			if (_config.escapeChar !== undefined) {
				_escapedQuote = _config.escapeChar + _quoteChar;
			}

			if (_config.escapeFormulae instanceof RegExp) {
				_escapeFormulae = _config.escapeFormulae;
			} else if (typeof _config.escapeFormulae === 'boolean' && _config.escapeFormulae) {
				_escapeFormulae =  /^[=+\-@\t\r].*$/;
			}
		}

		/** The double for loop that iterates the data and writes out a CSV string including header row */
		function serialize(fields, data, skipEmptyLines)
		{
			var csv = '';

			if (typeof fields === 'string')
				fields = JSON.parse(fields);
			if (typeof data === 'string')
				data = JSON.parse(data);

			var hasHeader = Array.isArray(fields) && fields.length > 0;
			var dataKeyedByField = !(Array.isArray(data[0]));

			// If there a header row, write it first
			if (hasHeader && _writeHeader)
			{
				for (var i = 0; i < fields.length; i++)
				{
					if (i > 0)
						csv += _delimiter;
					csv += safe(fields[i], i);
				}
				if (data.length > 0)
					csv += _newline;
			}

			// Then write out the data
			for (var row = 0; row < data.length; row++)
			{
				var maxCol = hasHeader ? fields.length : data[row].length;

				var emptyLine = false;
				var nullLine = hasHeader ? Object.keys(data[row]).length === 0 : data[row].length === 0;
				if (skipEmptyLines && !hasHeader)
				{
					emptyLine = skipEmptyLines === 'greedy' ? data[row].join('').trim() === '' : data[row].length === 1 && (data[row][0] === null || data[row][0] === undefined || data[row][0].length === 0);
				}
				if (skipEmptyLines === 'greedy' && hasHeader) {
					var line = [];
					for (var c = 0; c < maxCol; c++) {
						var cx = dataKeyedByField ? fields[c] : c;
						line.push(data[row][cx]);
					}
					emptyLine = line.join('').trim() === '';
				}
				if (!emptyLine)
				{
					for (var col = 0; col < maxCol; col++)
					{
						if (col > 0 && !nullLine)
							csv += _delimiter;
						var colIdx = hasHeader && dataKeyedByField ? fields[col] : col;
						csv += safe(data[row][colIdx], col);
					}
					if (row < data.length - 1 && (!skipEmptyLines || (maxCol > 0 && !nullLine)))
					{
						csv += _newline;
					}
				}
			}
			return csv;
		}

		/** Encloses a value around quotes if needed (makes a value safe for CSV insertion) */
		function safe(str, col)
		{
			if (typeof str === 'undefined' || str === null)
				return '';

			if (str.constructor === Date)
			{
				// Return empty string for invalid dates
				if (isNaN(str.getTime()))
					return '';
				return str.toISOString();
			}

			var needsQuotes = false;
			var strValue = str.toString();

			// Exclude numeric and boolean primitives, but check the serialized text of objects.
			if (_escapeFormulae && typeof str !== 'number' && typeof str !== 'bigint' // eslint-disable-line valid-typeof
				&& typeof str !== 'boolean' && _escapeFormulae.test(strValue)) {
				strValue = "'" + strValue;
				str = strValue;
				needsQuotes = true;
			}
			var escapedQuoteStr = strValue.replace(quoteCharRegex, _escapedQuote);

			needsQuotes = needsQuotes
							|| _quotes === true
							|| (typeof _quotes === 'function' && _quotes(str, col))
							|| (Array.isArray(_quotes) && _quotes[col])
							|| hasAny(escapedQuoteStr, Papa.BAD_DELIMITERS)
							|| escapedQuoteStr.indexOf(_delimiter) > -1
							|| strValue.indexOf(_quoteChar) > -1
							|| escapedQuoteStr.charAt(0) === ' '
							|| escapedQuoteStr.charAt(escapedQuoteStr.length - 1) === ' ';

			return needsQuotes ? _quoteChar + escapedQuoteStr + _quoteChar : escapedQuoteStr;
		}

		function hasAny(str, substrings)
		{
			for (var i = 0; i < substrings.length; i++)
				if (str.indexOf(substrings[i]) > -1)
					return true;
			return false;
		}
	}


	/** ChunkStreamer is the base prototype for various streamer implementations. */
	function ChunkStreamer(config)
	{
		this._handle = null;
		this._finished = false;
		this._completed = false;
		this._halted = false;
		this._input = null;
		this._baseIndex = 0;
		this._partialLine = '';
		this._rowCount = 0;
		this._start = 0;
		this._nextChunk = null;
		this.isFirstChunk = true;
		this._completeResults = {
			data: [],
			errors: [],
			meta: {}
		};
		replaceConfig.call(this, config);

		this.parseChunk = function(chunk, isFakeChunk)
		{
			// First chunk pre-processing
			const skipFirstNLines = parseInt(this._config.skipFirstNLines) || 0;
			if (this.isFirstChunk && skipFirstNLines > 0) {
				let _newline = this._config.newline;
				if (!_newline) {
					const quoteChar = this._config.quoteChar || '"';
					_newline = this._handle.guessLineEndings(chunk, quoteChar);
				}
				const splitChunk = chunk.split(_newline);
				chunk = [...splitChunk.slice(skipFirstNLines)].join(_newline);
			}
			if (this.isFirstChunk && isFunction(this._config.beforeFirstChunk))
			{
				var modifiedChunk = this._config.beforeFirstChunk(chunk);
				if (modifiedChunk !== undefined)
					chunk = modifiedChunk;
			}
			this.isFirstChunk = false;
			this._halted = false;

			// Rejoin the line we likely just split in two by chunking the file
			var aggregate = this._partialLine + chunk;
			this._partialLine = '';
			var results = this._handle.parse(aggregate, this._baseIndex, !this._finished);

			if (this._handle.paused() || this._handle.aborted()) {
				this._halted = true;
				return;
			}

			var lastIndex = results.meta.cursor;

			if (!this._finished)
			{
				this._partialLine = aggregate.substring(lastIndex - this._baseIndex);
				this._baseIndex = lastIndex;
			}

			if (results && results.data)
				this._rowCount += results.data.length;

			var finishedIncludingPreview = this._finished || (this._config.preview && this._rowCount >= this._config.preview);

			if (IS_PAPA_WORKER)
			{
				global.postMessage({
					results: results,
					workerId: Papa.WORKER_ID,
					finished: finishedIncludingPreview
				});
			}
			else if (isFunction(this._config.chunk) && !isFakeChunk)
			{
				this._config.chunk(results, this._handle);
				if (this._handle.paused() || this._handle.aborted()) {
					this._halted = true;
					return;
				}
				results = undefined;
				this._completeResults = undefined;
			}

			if (!this._config.step && !this._config.chunk) {
				this._completeResults.data = this._completeResults.data.concat(results.data);
				this._completeResults.errors = this._completeResults.errors.concat(results.errors);
				this._completeResults.meta = results.meta;
			}

			if (!this._completed && finishedIncludingPreview && isFunction(this._config.complete) && (!results || !results.meta.aborted)) {
				this._config.complete(this._completeResults, this._input);
				this._completed = true;
			}

			if (!finishedIncludingPreview && (!results || !results.meta.paused))
				this._nextChunk();

			return results;
		};

		this._sendError = function(error)
		{
			if (isFunction(this._config.error))
				this._config.error(error);
			else if (IS_PAPA_WORKER && this._config.error)
			{
				global.postMessage({
					workerId: Papa.WORKER_ID,
					error: error,
					finished: false
				});
			}
		};

		function replaceConfig(config)
		{
			// Deep-copy the config so we can edit it
			var configCopy = copy(config);
			configCopy.chunkSize = parseInt(configCopy.chunkSize);	// parseInt VERY important so we don't concatenate strings!
			if (!config.step && !config.chunk)
				configCopy.chunkSize = null;  // disable Range header if not streaming; bad values break IIS - see issue #196
			this._handle = new ParserHandle(configCopy);
			this._handle.streamer = this;
			this._config = configCopy;	// persist the copy to the caller
		}
	}


	function NetworkStreamer(config)
	{
		config = config || {};
		if (!config.chunkSize)
			config.chunkSize = Papa.RemoteChunkSize;
		ChunkStreamer.call(this, config);

		var xhr;

		if (IS_WORKER)
		{
			this._nextChunk = function()
			{
				this._readChunk();
				this._chunkLoaded();
			};
		}
		else
		{
			this._nextChunk = function()
			{
				this._readChunk();
			};
		}

		this.stream = function(url)
		{
			this._input = url;
			this._nextChunk();	// Starts streaming
		};

		this._readChunk = function()
		{
			if (this._finished)
			{
				this._chunkLoaded();
				return;
			}

			xhr = new XMLHttpRequest();

			if (this._config.withCredentials)
			{
				xhr.withCredentials = this._config.withCredentials;
			}

			if (!IS_WORKER)
			{
				xhr.onload = bindFunction(this._chunkLoaded, this);
				xhr.onerror = bindFunction(this._chunkError, this);
			}

			xhr.ontimeout = bindFunction(this._chunkTimeout, this);

			xhr.open(this._config.downloadRequestBody ? 'POST' : 'GET', this._input, !IS_WORKER);
			// Timeout is only supported for asynchronous requests
			if (this._config.downloadTimeout && !IS_WORKER)
			{
				xhr.timeout = this._config.downloadTimeout;
			}
			// Headers can only be set when once the request state is OPENED
			if (this._config.downloadRequestHeaders)
			{
				var headers = this._config.downloadRequestHeaders;

				for (var headerName in headers)
				{
					xhr.setRequestHeader(headerName, headers[headerName]);
				}
			}

			if (this._config.chunkSize)
			{
				var end = this._start + this._config.chunkSize - 1;	// minus one because byte range is inclusive
				xhr.setRequestHeader('Range', 'bytes=' + this._start + '-' + end);
			}

			try {
				xhr.send(this._config.downloadRequestBody);
			}
			catch (err) {
				this._chunkError(err.message);
			}

			if (IS_WORKER && xhr.status === 0)
				this._chunkError();
		};

		this._chunkLoaded = function()
		{
			if (xhr.readyState !== 4)
				return;

			if (xhr.status < 200 || xhr.status >= 400)
			{
				this._chunkError();
				return;
			}

			// Use chunckSize as it may be a diference on reponse lentgh due to characters with more than 1 byte
			this._start += this._config.chunkSize ? this._config.chunkSize : xhr.responseText.length;
			this._finished = !this._config.chunkSize || this._start >= getFileSize(xhr);
			this.parseChunk(xhr.responseText);
		};

		this._chunkError = function(errorMessage)
		{
			var errorText = xhr.statusText || errorMessage;
			this._sendError(new Error(errorText));
		};

		this._chunkTimeout = function()
		{
			this._chunkError('Request timed out after ' + this._config.downloadTimeout + 'ms');
		};

		function getFileSize(xhr)
		{
			var contentRange = xhr.getResponseHeader('Content-Range');
			if (contentRange === null) { // no content range, then finish!
				return -1;
			}
			return parseInt(contentRange.substring(contentRange.lastIndexOf('/') + 1));
		}
	}
	NetworkStreamer.prototype = Object.create(ChunkStreamer.prototype);
	NetworkStreamer.prototype.constructor = NetworkStreamer;


	function FileStreamer(config)
	{
		config = config || {};
		if (!config.chunkSize)
			config.chunkSize = Papa.LocalChunkSize;
		ChunkStreamer.call(this, config);

		var reader, slice;

		// FileReader is better than FileReaderSync (even in worker) - see http://stackoverflow.com/q/24708649/1048862
		// But Firefox is a pill, too - see issue #76: https://github.com/mholt/PapaParse/issues/76
		var usingAsyncReader = typeof FileReader !== 'undefined';	// Safari doesn't consider it a function - see issue #105

		this.stream = function(file)
		{
			this._input = file;
			slice = file.slice || file.webkitSlice || file.mozSlice;

			if (usingAsyncReader)
			{
				reader = new FileReader();		// Preferred method of reading files, even in workers
				reader.onload = bindFunction(this._chunkLoaded, this);
				reader.onerror = bindFunction(this._chunkError, this);
			}
			else
				reader = new FileReaderSync();	// Hack for running in a web worker in Firefox

			this._nextChunk();	// Starts streaming
		};

		this._nextChunk = function()
		{
			if (!this._finished && (!this._config.preview || this._rowCount < this._config.preview))
				this._readChunk();
		};

		this._readChunk = function()
		{
			var input = this._input;
			if (this._config.chunkSize)
			{
				var end = Math.min(this._start + this._config.chunkSize, this._input.size);
				input = slice.call(input, this._start, end);
			}
			var txt = reader.readAsText(input, this._config.encoding);
			if (!usingAsyncReader)
				this._chunkLoaded({ target: { result: txt } });	// mimic the async signature
		};

		this._chunkLoaded = function(event)
		{
			// Very important to increment start each time before handling results
			this._start += this._config.chunkSize;
			this._finished = !this._config.chunkSize || this._start >= this._input.size;
			this.parseChunk(event.target.result);
		};

		this._chunkError = function()
		{
			this._sendError(reader.error);
		};

	}
	FileStreamer.prototype = Object.create(ChunkStreamer.prototype);
	FileStreamer.prototype.constructor = FileStreamer;


	function StringStreamer(config)
	{
		config = config || {};
		ChunkStreamer.call(this, config);

		var remaining;
		this.stream = function(s)
		{
			remaining = s;
			return this._nextChunk();
		};
		this._nextChunk = function()
		{
			if (this._finished) return;
			var size = this._config.chunkSize;
			var chunk;
			if(size) {
				chunk = remaining.substring(0, size);
				remaining = remaining.substring(size);
			} else {
				chunk = remaining;
				remaining = '';
			}
			this._finished = !remaining;
			return this.parseChunk(chunk);
		};
	}
	StringStreamer.prototype = Object.create(StringStreamer.prototype);
	StringStreamer.prototype.constructor = StringStreamer;


	function ReadableStreamStreamer(config)
	{
		config = config || {};

		ChunkStreamer.call(this, config);

		var queue = [];
		var parseOnData = true;
		var streamHasEnded = false;

		this.pause = function()
		{
			ChunkStreamer.prototype.pause.apply(this, arguments);
			this._input.pause();
		};

		this.resume = function()
		{
			ChunkStreamer.prototype.resume.apply(this, arguments);
			this._input.resume();
		};

		this.stream = function(stream)
		{
			this._input = stream;

			this._input.on('data', this._streamData);
			this._input.on('end', this._streamEnd);
			this._input.on('error', this._streamError);
		};

		this._checkIsFinished = function()
		{
			if (streamHasEnded && queue.length === 1) {
				this._finished = true;
			}
		};

		this._nextChunk = function()
		{
			this._checkIsFinished();
			if (queue.length)
			{
				this.parseChunk(queue.shift());
			}
			else
			{
				parseOnData = true;
			}
		};

		this._streamData = bindFunction(function(chunk)
		{
			try
			{
				queue.push(typeof chunk === 'string' ? chunk : chunk.toString(this._config.encoding));

				if (parseOnData)
				{
					parseOnData = false;
					this._checkIsFinished();
					this.parseChunk(queue.shift());
				}
			}
			catch (error)
			{
				this._streamError(error);
			}
		}, this);

		this._streamError = bindFunction(function(error)
		{
			this._streamCleanUp();
			this._sendError(error);
		}, this);

		this._streamEnd = bindFunction(function()
		{
			this._streamCleanUp();
			streamHasEnded = true;
			this._streamData('');
		}, this);

		this._streamCleanUp = bindFunction(function()
		{
			this._input.removeListener('data', this._streamData);
			this._input.removeListener('end', this._streamEnd);
			this._input.removeListener('error', this._streamError);
		}, this);
	}
	ReadableStreamStreamer.prototype = Object.create(ChunkStreamer.prototype);
	ReadableStreamStreamer.prototype.constructor = ReadableStreamStreamer;


	function DuplexStreamStreamer(_config) {
		var Duplex = (__nccwpck_require__(203).Duplex);
		var config = copy(_config);
		var parseOnWrite = true;
		var writeStreamHasFinished = false;
		var parseCallbackQueue = [];
		var stream = null;

		this._onCsvData = function(results)
		{
			var data = results.data;
			if (!stream.push(data) && !this._handle.paused()) {
				// the writeable consumer buffer has filled up
				// so we need to pause until more items
				// can be processed
				this._handle.pause();
			}
		};

		this._onCsvComplete = function()
		{
			// node will finish the read stream when
			// null is pushed
			stream.push(null);
		};

		config.step = bindFunction(this._onCsvData, this);
		config.complete = bindFunction(this._onCsvComplete, this);
		ChunkStreamer.call(this, config);

		this._nextChunk = function()
		{
			if (writeStreamHasFinished && parseCallbackQueue.length === 1) {
				this._finished = true;
			}
			if (parseCallbackQueue.length) {
				parseCallbackQueue.shift()();
			} else {
				parseOnWrite = true;
			}
		};

		this._addToParseQueue = function(chunk, callback)
		{
			// add to queue so that we can indicate
			// completion via callback
			// node will automatically pause the incoming stream
			// when too many items have been added without their
			// callback being invoked
			parseCallbackQueue.push(bindFunction(function() {
				this.parseChunk(typeof chunk === 'string' ? chunk : chunk.toString(config.encoding));
				if (isFunction(callback)) {
					return callback();
				}
			}, this));
			if (parseOnWrite) {
				parseOnWrite = false;
				this._nextChunk();
			}
		};

		this._onRead = function()
		{
			if (this._handle.paused()) {
				// the writeable consumer can handle more data
				// so resume the chunk parsing
				this._handle.resume();
			}
		};

		this._onWrite = function(chunk, encoding, callback)
		{
			this._addToParseQueue(chunk, callback);
		};

		this._onWriteComplete = function()
		{
			writeStreamHasFinished = true;
			// have to write empty string
			// so parser knows its done
			this._addToParseQueue('');
		};

		this.getStream = function()
		{
			return stream;
		};
		stream = new Duplex({
			readableObjectMode: true,
			decodeStrings: false,
			read: bindFunction(this._onRead, this),
			write: bindFunction(this._onWrite, this)
		});
		stream.once('finish', bindFunction(this._onWriteComplete, this));
	}
	if (typeof PAPA_BROWSER_CONTEXT === 'undefined') {
		DuplexStreamStreamer.prototype = Object.create(ChunkStreamer.prototype);
		DuplexStreamStreamer.prototype.constructor = DuplexStreamStreamer;
	}


	// Use one ParserHandle per entire CSV file or string
	function ParserHandle(_config)
	{
		// One goal is to minimize the use of regular expressions...
		var MAX_FLOAT = Math.pow(2, 53);
		var MIN_FLOAT = -MAX_FLOAT;
		var FLOAT = /^\s*-?(\d+\.?|\.\d+|\d+\.\d+)([eE][-+]?\d+)?\s*$/;
		var ISO_DATE = /^((\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d+([+-][0-2]\d:[0-5]\d|Z))|(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d([+-][0-2]\d:[0-5]\d|Z))|(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d([+-][0-2]\d:[0-5]\d|Z)))$/;
		var self = this;
		var _stepCounter = 0;	// Number of times step was called (number of rows parsed)
		var _rowCounter = 0;	// Number of rows that have been parsed so far
		var _input;				// The input being parsed
		var _parser;			// The core parser being used
		var _paused = false;	// Whether we are paused or not
		var _aborted = false;	// Whether the parser has aborted or not
		var _delimiterError;	// Temporary state between delimiter detection and processing results
		var _fields = [];		// Fields are from the header row of the input, if there is one
		var _results = {		// The last results returned from the parser
			data: [],
			errors: [],
			meta: {}
		};

		if (isFunction(_config.step))
		{
			var userStep = _config.step;
			_config.step = function(results)
			{
				_results = results;

				if (needsHeaderRow())
					processResults();
				else	// only call user's step function after header row
				{
					processResults();

					// It's possbile that this line was empty and there's no row here after all
					if (_results.data.length === 0)
						return;

					_stepCounter += results.data.length;
					if (_config.preview && _stepCounter > _config.preview)
						_parser.abort();
					else {
						_results.data = _results.data[0];
						userStep(_results, self);
					}
				}
			};
		}

		/**
		 * Parses input. Most users won't need, and shouldn't mess with, the baseIndex
		 * and ignoreLastRow parameters. They are used by streamers (wrapper functions)
		 * when an input comes in multiple chunks, like from a file.
		 */
		this.parse = function(input, baseIndex, ignoreLastRow)
		{
			var quoteChar = _config.quoteChar || '"';
			if (!_config.newline)
				_config.newline = this.guessLineEndings(input, quoteChar);

			_delimiterError = false;
			if (!_config.delimiter)
			{
				var delimGuess = guessDelimiter(input, _config.newline, _config.skipEmptyLines, _config.comments, _config.delimitersToGuess);
				if (delimGuess.successful)
					_config.delimiter = delimGuess.bestDelimiter;
				else
				{
					_delimiterError = true;	// add error after parsing (otherwise it would be overwritten)
					_config.delimiter = Papa.DefaultDelimiter;
				}
				_results.meta.delimiter = _config.delimiter;
			}
			else if(isFunction(_config.delimiter))
			{
				_config.delimiter = _config.delimiter(input);
				_results.meta.delimiter = _config.delimiter;
			}

			var parserConfig = copy(_config);
			// Tell the parser the header instead of reguessing on each chunk
			parserConfig.header = needsHeaderRow();
			if (_config.preview && _config.header)
				parserConfig.preview++;	// to compensate for header row

			_input = input;
			_parser = new Parser(parserConfig);
			_results = _parser.parse(_input, baseIndex, ignoreLastRow);
			processResults();
			return _paused ? { meta: { paused: true } } : (_results || { meta: { paused: false } });
		};

		this.paused = function()
		{
			return _paused;
		};

		this.pause = function()
		{
			_paused = true;
			_parser.abort();

			// If it is streaming via "chunking", the reader will start appending correctly already so no need to substring,
			// otherwise we can get duplicate content within a row
			_input = isFunction(_config.chunk) ? "" : _input.substring(_parser.getCharIndex());
		};

		this.resume = function()
		{
			if(self.streamer._halted) {
				_paused = false;
				self.streamer.parseChunk(_input, true);
			} else {
				// Bugfix: #636 In case the processing hasn't halted yet
				// wait for it to halt in order to resume
				setTimeout(self.resume, 3);
			}
		};

		this.aborted = function()
		{
			return _aborted;
		};

		this.abort = function()
		{
			_aborted = true;
			_parser.abort();
			_results.meta.aborted = true;
			if (isFunction(_config.complete))
				_config.complete(_results);
			_input = '';
		};

		this.guessLineEndings = function(input, quoteChar)
		{
			input = input.substring(0, 1024 * 1024);	// max length 1 MB
			// Replace all the text inside quotes
			var re = new RegExp(escapeRegExp(quoteChar) + '([^]*?)' + escapeRegExp(quoteChar), 'gm');
			input = input.replace(re, '');

			var r = input.split('\r');

			var n = input.split('\n');

			var nAppearsFirst = (n.length > 1 && n[0].length < r[0].length);

			if (r.length === 1 || nAppearsFirst)
				return '\n';

			var numWithN = 0;
			for (var i = 0; i < r.length; i++)
			{
				if (r[i][0] === '\n')
					numWithN++;
			}

			return numWithN >= r.length / 2 ? '\r\n' : '\r';
		};

		function testEmptyLine(s) {
			return _config.skipEmptyLines === 'greedy' ? s.join('').trim() === '' : s.length === 1 && s[0].length === 0;
		}

		function testFloat(s) {
			if (FLOAT.test(s)) {
				var floatValue = parseFloat(s);
				if (floatValue > MIN_FLOAT && floatValue < MAX_FLOAT) {
					return true;
				}
			}
			return false;
		}

		function processResults()
		{
			if (_results && _delimiterError)
			{
				addError('Delimiter', 'UndetectableDelimiter', 'Unable to auto-detect delimiting character; defaulted to \'' + Papa.DefaultDelimiter + '\'');
				_delimiterError = false;
			}

			if (_config.skipEmptyLines)
			{
				_results.data = _results.data.filter(function(d) {
					return !testEmptyLine(d);
				});
			}

			if (needsHeaderRow())
				fillHeaderFields();

			return applyHeaderAndDynamicTypingAndTransformation();
		}

		function needsHeaderRow()
		{
			return _config.header && _fields.length === 0;
		}

		function fillHeaderFields()
		{
			if (!_results)
				return;

			function addHeader(header)
			{
				_fields.push(header);
			}

			if (Array.isArray(_results.data[0]))
			{
				for (var i = 0; needsHeaderRow() && i < _results.data.length; i++)
					_results.data[i].forEach(addHeader);

				_results.data.splice(0, 1);
			}
			// if _results.data[0] is not an array, we are in a step where _results.data is the row.
			else
				_results.data.forEach(addHeader);
		}

		function shouldApplyDynamicTyping(field) {
			// Cache function values to avoid calling it for each row
			if (_config.dynamicTypingFunction && _config.dynamicTyping[field] === undefined) {
				_config.dynamicTyping[field] = _config.dynamicTypingFunction(field);
			}
			return (_config.dynamicTyping[field] || _config.dynamicTyping) === true;
		}

		function parseDynamic(field, value)
		{
			if (shouldApplyDynamicTyping(field))
			{
				if (value === 'true' || value === 'TRUE')
					return true;
				else if (value === 'false' || value === 'FALSE')
					return false;
				else if (testFloat(value))
					return parseFloat(value);
				else if (ISO_DATE.test(value))
					return new Date(value);
				else
					return (value === '' ? null : value);
			}
			return value;
		}

		function applyHeaderAndDynamicTypingAndTransformation()
		{
			if (!_results || (!_config.header && !_config.dynamicTyping && !_config.transform))
				return _results;

			function processRow(rowSource, i)
			{
				var row = _config.header ? {} : [];

				var j;
				for (j = 0; j < rowSource.length; j++)
				{
					var field = j;
					var value = rowSource[j];

					if (_config.header)
						field = j >= _fields.length ? '__parsed_extra' : _fields[j];

					if (_config.transform)
						value = _config.transform(value,field);

					value = parseDynamic(field, value);

					if (field === '__parsed_extra')
					{
						row[field] = row[field] || [];
						row[field].push(value);
					}
					else
						row[field] = value;
				}


				if (_config.header)
				{
					if (j > _fields.length)
						addError('FieldMismatch', 'TooManyFields', 'Too many fields: expected ' + _fields.length + ' fields but parsed ' + j, _rowCounter + i);
					else if (j < _fields.length)
						addError('FieldMismatch', 'TooFewFields', 'Too few fields: expected ' + _fields.length + ' fields but parsed ' + j, _rowCounter + i);
				}

				return row;
			}

			var incrementBy = 1;
			if (!_results.data.length || Array.isArray(_results.data[0]))
			{
				_results.data = _results.data.map(processRow);
				incrementBy = _results.data.length;
			}
			else
				_results.data = processRow(_results.data, 0);


			if (_config.header && _results.meta)
				_results.meta.fields = _fields;

			_rowCounter += incrementBy;
			return _results;
		}

		function guessDelimiter(input, newline, skipEmptyLines, comments, delimitersToGuess) {
			var bestDelim, bestDelta, fieldCountPrevRow, maxFieldCount;

			delimitersToGuess = delimitersToGuess || [',', '\t', '|', ';', Papa.RECORD_SEP, Papa.UNIT_SEP];

			for (var i = 0; i < delimitersToGuess.length; i++) {
				var delim = delimitersToGuess[i];
				var delta = 0, avgFieldCount = 0, emptyLinesCount = 0;
				fieldCountPrevRow = undefined;

				var preview = new Parser({
					comments: comments,
					delimiter: delim,
					newline: newline,
					preview: 10
				}).parse(input);

				for (var j = 0; j < preview.data.length; j++) {
					if (skipEmptyLines && testEmptyLine(preview.data[j])) {
						emptyLinesCount++;
						continue;
					}
					var fieldCount = preview.data[j].length;
					avgFieldCount += fieldCount;

					if (typeof fieldCountPrevRow === 'undefined') {
						fieldCountPrevRow = fieldCount;
						continue;
					}
					else if (fieldCount > 0) {
						delta += Math.abs(fieldCount - fieldCountPrevRow);
						fieldCountPrevRow = fieldCount;
					}
				}

				if (preview.data.length > 0)
					avgFieldCount /= (preview.data.length - emptyLinesCount);

				// Lowest delta (most consistent field count across rows) wins; average
				// field count only breaks ties between equally consistent delimiters.
				if (avgFieldCount > 1.99 && (typeof bestDelta === 'undefined'
					|| delta < bestDelta
					|| (delta === bestDelta && avgFieldCount > maxFieldCount))) {
					bestDelta = delta;
					bestDelim = delim;
					maxFieldCount = avgFieldCount;
				}
			}

			_config.delimiter = bestDelim;

			return {
				successful: !!bestDelim,
				bestDelimiter: bestDelim
			};
		}

		function addError(type, code, msg, row)
		{
			var error = {
				type: type,
				code: code,
				message: msg
			};
			if(row !== undefined) {
				error.row = row;
			}
			_results.errors.push(error);
		}
	}

	/** https://developer.mozilla.org/en-US/docs/Web/JavaScript/Guide/Regular_Expressions */
	function escapeRegExp(string)
	{
		return string.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'); // $& means the whole matched string
	}

	/** The core parser implements speedy and correct CSV parsing */
	function Parser(config)
	{
		// Unpack the config object
		config = config || {};
		var delim = config.delimiter;
		var newline = config.newline;
		var comments = config.comments;
		var step = config.step;
		var preview = config.preview;
		var fastMode = config.fastMode;
		var quoteChar;
		var renamedHeaders = null;
		var headerParsed = false;

		if (config.quoteChar === undefined || config.quoteChar === null) {
			quoteChar = '"';
		} else {
			quoteChar = config.quoteChar;
		}
		var escapeChar = quoteChar;
		if (config.escapeChar !== undefined) {
			escapeChar = config.escapeChar;
		}

		// Delimiter must be valid
		if (typeof delim !== 'string'
			|| Papa.BAD_DELIMITERS.indexOf(delim) > -1)
			delim = ',';

		// Comment character must be valid
		if (comments === delim)
			throw new Error('Comment character same as delimiter');
		else if (comments === true)
			comments = '#';
		else if (typeof comments !== 'string'
			|| Papa.BAD_DELIMITERS.indexOf(comments) > -1)
			comments = false;

		// Newline must be valid: \r, \n, or \r\n
		if (newline !== '\n' && newline !== '\r' && newline !== '\r\n')
			newline = '\n';

		// We're gonna need these at the Parser scope
		var cursor = 0;
		var aborted = false;

		this.parse = function(input, baseIndex, ignoreLastRow)
		{
			// For some reason, in Chrome, this speeds things up (!?)
			if (typeof input !== 'string')
				throw new Error('Input must be a string');

			// We don't need to compute some of these every time parse() is called,
			// but having them in a more local scope seems to perform better
			var inputLen = input.length,
				delimLen = delim.length,
				newlineLen = newline.length,
				commentsLen = comments.length;
			var stepIsFunction = isFunction(step);

			// Establish starting state
			cursor = 0;
			var data = [], errors = [], row = [], lastCursor = 0;

			if (!input)
				return returnable();

			if (fastMode || (fastMode !== false && input.indexOf(quoteChar) === -1))
			{
				var rows = input.split(newline);
				for (var i = 0; i < rows.length; i++)
				{
					row = rows[i];
					cursor += row.length;

					if (i !== rows.length - 1)
						cursor += newline.length;
					else if (ignoreLastRow)
						return returnable();
					if (comments && row.substring(0, commentsLen) === comments)
						continue;
					if (stepIsFunction)
					{
						data = [];
						pushRow(row.split(delim));
						doStep();
						if (aborted)
							return returnable();
					}
					else
						pushRow(row.split(delim));
					if (preview && i >= preview)
					{
						data = data.slice(0, preview);
						return returnable(true);
					}
				}
				return returnable();
			}

			var nextDelim = input.indexOf(delim, cursor);
			var nextNewline = input.indexOf(newline, cursor);
			var quoteCharRegex = new RegExp(escapeRegExp(escapeChar) + escapeRegExp(quoteChar), 'g');
			var quoteSearch = input.indexOf(quoteChar, cursor);

			// Parser loop
			for (;;)
			{
				// Field has opening quote
				if (input[cursor] === quoteChar)
				{
					// Start our search for the closing quote where the cursor is
					quoteSearch = cursor;

					// Skip the opening quote
					cursor++;

					for (;;)
					{
						// Find closing quote
						quoteSearch = input.indexOf(quoteChar, quoteSearch + 1);

						//No other quotes are found - no other delimiters
						if (quoteSearch === -1)
						{
							if (!ignoreLastRow) {
								// No closing quote... what a pity
								errors.push({
									type: 'Quotes',
									code: 'MissingQuotes',
									message: 'Quoted field unterminated',
									row: data.length,	// row has yet to be inserted
									index: cursor
								});
							}
							return finish();
						}

						// Closing quote at EOF
						if (quoteSearch === inputLen - 1)
						{
							var value = input.substring(cursor, quoteSearch).replace(quoteCharRegex, quoteChar);
							return finish(value);
						}

						// If this quote is escaped, it's part of the data; skip it
						// If the quote character is the escape character, then check if the next character is the escape character
						if (quoteChar === escapeChar &&  input[quoteSearch + 1] === escapeChar)
						{
							quoteSearch++;
							continue;
						}

						// If the quote character is not the escape character, then check if the previous character was the escape character
						if (quoteChar !== escapeChar && quoteSearch !== 0 && input[quoteSearch - 1] === escapeChar)
						{
							continue;
						}

						if(nextDelim !== -1 && nextDelim < (quoteSearch + 1)) {
							nextDelim = input.indexOf(delim, (quoteSearch + 1));
						}
						if(nextNewline !== -1 && nextNewline < (quoteSearch + 1)) {
							nextNewline = input.indexOf(newline, (quoteSearch + 1));
						}
						// Check up to nextDelim or nextNewline, whichever is closest
						var checkUpTo = nextNewline === -1 ? nextDelim : Math.min(nextDelim, nextNewline);
						var spacesBetweenQuoteAndDelimiter = extraSpaces(checkUpTo);

						// Closing quote followed by delimiter or 'unnecessary spaces + delimiter'
						if (input.substr(quoteSearch + 1 + spacesBetweenQuoteAndDelimiter, delimLen) === delim)
						{
							row.push(input.substring(cursor, quoteSearch).replace(quoteCharRegex, quoteChar));
							cursor = quoteSearch + 1 + spacesBetweenQuoteAndDelimiter + delimLen;

							// If char after following delimiter is not quoteChar, we find next quote char position
							if (input[quoteSearch + 1 + spacesBetweenQuoteAndDelimiter + delimLen] !== quoteChar)
							{
								quoteSearch = input.indexOf(quoteChar, cursor);
							}
							if (nextDelim !== -1 && nextDelim < cursor)
								nextDelim = input.indexOf(delim, cursor);
							if (nextNewline !== -1 && nextNewline < cursor)
								nextNewline = input.indexOf(newline, cursor);
							break;
						}

						var spacesBetweenQuoteAndNewLine = extraSpaces(nextNewline);

						// Closing quote followed by newline or 'unnecessary spaces + newLine'
						if (input.substring(quoteSearch + 1 + spacesBetweenQuoteAndNewLine, quoteSearch + 1 + spacesBetweenQuoteAndNewLine + newlineLen) === newline)
						{
							row.push(input.substring(cursor, quoteSearch).replace(quoteCharRegex, quoteChar));
							saveRow(quoteSearch + 1 + spacesBetweenQuoteAndNewLine + newlineLen);
							// Only search again if we skipped a delimiter in the quoted field.
							if (nextDelim !== -1 && nextDelim < cursor)
								nextDelim = input.indexOf(delim, cursor);
							quoteSearch = input.indexOf(quoteChar, cursor);	// we search for first quote in next line

							if (stepIsFunction)
							{
								doStep();
								if (aborted)
									return returnable();
							}

							if (preview && data.length >= preview)
								return returnable(true);

							break;
						}


						// Checks for valid closing quotes are complete (escaped quotes or quote followed by EOF/delimiter/newline) -- assume these quotes are part of an invalid text string
						errors.push({
							type: 'Quotes',
							code: 'InvalidQuotes',
							message: 'Trailing quote on quoted field is malformed',
							row: data.length,	// row has yet to be inserted
							index: cursor
						});

						quoteSearch++;
						continue;

					}

					continue;
				}

				// Comment found at start of new line
				if (comments && row.length === 0 && input.substring(cursor, cursor + commentsLen) === comments)
				{
					if (nextNewline === -1)	// Comment ends at EOF
						return returnable();
					cursor = nextNewline + newlineLen;
					nextNewline = input.indexOf(newline, cursor);
					if (nextDelim !== -1 && nextDelim < cursor)
						nextDelim = input.indexOf(delim, cursor);
					continue;
				}

				// Next delimiter comes before next newline, so we've reached end of field
				if (nextDelim !== -1 && (nextDelim < nextNewline || nextNewline === -1))
				{
					row.push(input.substring(cursor, nextDelim));
					cursor = nextDelim + delimLen;
					// we look for next delimiter char
					nextDelim = input.indexOf(delim, cursor);
					continue;
				}

				// End of row
				if (nextNewline !== -1)
				{
					row.push(input.substring(cursor, nextNewline));
					saveRow(nextNewline + newlineLen);

					if (stepIsFunction)
					{
						doStep();
						if (aborted)
							return returnable();
					}

					if (preview && data.length >= preview)
						return returnable(true);

					continue;
				}

				break;
			}

			return finish();


			function pushRow(row)
			{
				data.push(row);
				lastCursor = cursor;
			}

			/**
             * checks if there are extra spaces after closing quote and given index without any text
             * if Yes, returns the number of spaces
             */
			function extraSpaces(index) {
				var spaceLength = 0;
				if (index !== -1) {
					var textBetweenClosingQuoteAndIndex = input.substring(quoteSearch + 1, index);
					if (textBetweenClosingQuoteAndIndex && textBetweenClosingQuoteAndIndex.trim() === '') {
						spaceLength = textBetweenClosingQuoteAndIndex.length;
					}
				}
				return spaceLength;
			}

			/**
			 * Appends the remaining input from cursor to the end into
			 * row, saves the row, calls step, and returns the results.
			 */
			function finish(value)
			{
				if (ignoreLastRow)
					return returnable();
				if (typeof value === 'undefined')
					value = input.substring(cursor);
				row.push(value);
				cursor = inputLen;	// important in case parsing is paused
				pushRow(row);
				if (stepIsFunction)
					doStep();
				return returnable();
			}

			/**
			 * Appends the current row to the results. It sets the cursor
			 * to newCursor and finds the nextNewline. The caller should
			 * take care to execute user's step function and check for
			 * preview and end parsing if necessary.
			 */
			function saveRow(newCursor)
			{
				cursor = newCursor;
				pushRow(row);
				row = [];
				nextNewline = input.indexOf(newline, cursor);
			}

			/** Returns an object with the results, errors, and meta. */
			function returnable(stopped)
			{
				if (config.header && !baseIndex && data.length && !headerParsed)
				{
					const result = data[0];
					const headerCount = Object.create(null); // To track the count of each base header
					const usedHeaders = new Set(result); // To track used headers and avoid duplicates
					let duplicateHeaders = false;

					for (let i = 0; i < result.length; i++) {
						let header = stripBom(result[i]);
						if (isFunction(config.transformHeader))
							header = config.transformHeader(header, i);

						if (!headerCount[header]) {
							headerCount[header] = 1;
							result[i] = header;
						} else {
							let newHeader;
							let suffixCount = headerCount[header];

							// Find a unique new header
							do {
								newHeader = `${header}_${suffixCount}`;
								suffixCount++;
							} while (usedHeaders.has(newHeader));

							usedHeaders.add(newHeader); // Mark this new Header as used
							result[i] = newHeader;
							headerCount[header]++;
							duplicateHeaders = true;
							if (renamedHeaders === null) {
								renamedHeaders = {};
							}
							renamedHeaders[newHeader] = header;
						}

						usedHeaders.add(header); // Ensure the original header is marked as used
					}
					if (duplicateHeaders) {
						console.warn('Duplicate headers found and renamed.');
					}
					headerParsed = true;
				}
				return {
					data: data,
					errors: errors,
					meta: {
						delimiter: delim,
						linebreak: newline,
						aborted: aborted,
						truncated: !!stopped,
						cursor: lastCursor + (baseIndex || 0),
						renamedHeaders: renamedHeaders
					}
				};
			}

			/** Executes the user's step function and resets data & errors. */
			function doStep()
			{
				step(returnable());
				data = [];
				errors = [];
			}
		};

		/** Sets the abort flag */
		this.abort = function()
		{
			aborted = true;
		};

		/** Gets the cursor position */
		this.getCharIndex = function()
		{
			return cursor;
		};
	}


	function newWorker()
	{
		if (!Papa.WORKERS_SUPPORTED)
			return false;

		var workerUrl = getWorkerBlob();
		var w = new global.Worker(workerUrl);
		w.onmessage = mainThreadReceivedMessage;
		w.id = workerIdCounter++;
		workers[w.id] = w;
		return w;
	}

	/** Callback when main thread receives a message */
	function mainThreadReceivedMessage(e)
	{
		var msg = e.data;
		var worker = workers[msg.workerId];
		var aborted = false;

		if (msg.error)
			worker.userError(msg.error, msg.file);
		else if (msg.results && msg.results.data)
		{
			var abort = function() {
				aborted = true;
				completeWorker(msg.workerId, { data: [], errors: [], meta: { aborted: true } });
			};

			var handle = {
				abort: abort,
				pause: notImplemented,
				resume: notImplemented
			};

			if (isFunction(worker.userStep))
			{
				for (var i = 0; i < msg.results.data.length; i++)
				{
					worker.userStep({
						data: msg.results.data[i],
						errors: msg.results.errors,
						meta: msg.results.meta
					}, handle);
					if (aborted)
						break;
				}
				delete msg.results;	// free memory ASAP
			}
			else if (isFunction(worker.userChunk))
			{
				worker.userChunk(msg.results, handle, msg.file);
				delete msg.results;
			}
		}

		if (msg.finished && !aborted)
			completeWorker(msg.workerId, msg.results);
	}

	function completeWorker(workerId, results) {
		var worker = workers[workerId];
		if (isFunction(worker.userComplete))
			worker.userComplete(results);
		worker.terminate();
		delete workers[workerId];
	}

	function notImplemented() {
		throw new Error('Not implemented.');
	}

	/** Callback when worker thread receives a message */
	function workerThreadReceivedMessage(e)
	{
		var msg = e.data;

		if (typeof Papa.WORKER_ID === 'undefined' && msg)
			Papa.WORKER_ID = msg.workerId;

		if (typeof msg.input === 'string')
		{
			global.postMessage({
				workerId: Papa.WORKER_ID,
				results: Papa.parse(msg.input, msg.config),
				finished: true
			});
		}
		else if ((global.File && msg.input instanceof File) || msg.input instanceof Object)	// thank you, Safari (see issue #106)
		{
			var results = Papa.parse(msg.input, msg.config);
			if (results)
				global.postMessage({
					workerId: Papa.WORKER_ID,
					results: results,
					finished: true
				});
		}
	}

	/** Makes a deep copy of an array or object (mostly) */
	function copy(obj)
	{
		if (typeof obj !== 'object' || obj === null)
			return obj;
		var cpy = Array.isArray(obj) ? [] : {};
		for (var key in obj)
			cpy[key] = copy(obj[key]);
		return cpy;
	}

	function bindFunction(f, self)
	{
		return function() { f.apply(self, arguments); };
	}
	function isFunction(func)
	{
		return typeof func === 'function';
	}

	return Papa;
}));


/***/ }),

/***/ 770:
/***/ ((module, __unused_webpack_exports, __nccwpck_require__) => {

module.exports = __nccwpck_require__(218);


/***/ }),

/***/ 218:
/***/ ((__unused_webpack_module, exports, __nccwpck_require__) => {

var __webpack_unused_export__;


var net = __nccwpck_require__(278);
var tls = __nccwpck_require__(756);
var http = __nccwpck_require__(611);
var https = __nccwpck_require__(692);
var events = __nccwpck_require__(434);
var assert = __nccwpck_require__(613);
var util = __nccwpck_require__(23);


exports.httpOverHttp = httpOverHttp;
exports.httpsOverHttp = httpsOverHttp;
exports.httpOverHttps = httpOverHttps;
exports.httpsOverHttps = httpsOverHttps;


function httpOverHttp(options) {
  var agent = new TunnelingAgent(options);
  agent.request = http.request;
  return agent;
}

function httpsOverHttp(options) {
  var agent = new TunnelingAgent(options);
  agent.request = http.request;
  agent.createSocket = createSecureSocket;
  agent.defaultPort = 443;
  return agent;
}

function httpOverHttps(options) {
  var agent = new TunnelingAgent(options);
  agent.request = https.request;
  return agent;
}

function httpsOverHttps(options) {
  var agent = new TunnelingAgent(options);
  agent.request = https.request;
  agent.createSocket = createSecureSocket;
  agent.defaultPort = 443;
  return agent;
}


function TunnelingAgent(options) {
  var self = this;
  self.options = options || {};
  self.proxyOptions = self.options.proxy || {};
  self.maxSockets = self.options.maxSockets || http.Agent.defaultMaxSockets;
  self.requests = [];
  self.sockets = [];

  self.on('free', function onFree(socket, host, port, localAddress) {
    var options = toOptions(host, port, localAddress);
    for (var i = 0, len = self.requests.length; i < len; ++i) {
      var pending = self.requests[i];
      if (pending.host === options.host && pending.port === options.port) {
        // Detect the request to connect same origin server,
        // reuse the connection.
        self.requests.splice(i, 1);
        pending.request.onSocket(socket);
        return;
      }
    }
    socket.destroy();
    self.removeSocket(socket);
  });
}
util.inherits(TunnelingAgent, events.EventEmitter);

TunnelingAgent.prototype.addRequest = function addRequest(req, host, port, localAddress) {
  var self = this;
  var options = mergeOptions({request: req}, self.options, toOptions(host, port, localAddress));

  if (self.sockets.length >= this.maxSockets) {
    // We are over limit so we'll add it to the queue.
    self.requests.push(options);
    return;
  }

  // If we are under maxSockets create a new one.
  self.createSocket(options, function(socket) {
    socket.on('free', onFree);
    socket.on('close', onCloseOrRemove);
    socket.on('agentRemove', onCloseOrRemove);
    req.onSocket(socket);

    function onFree() {
      self.emit('free', socket, options);
    }

    function onCloseOrRemove(err) {
      self.removeSocket(socket);
      socket.removeListener('free', onFree);
      socket.removeListener('close', onCloseOrRemove);
      socket.removeListener('agentRemove', onCloseOrRemove);
    }
  });
};

TunnelingAgent.prototype.createSocket = function createSocket(options, cb) {
  var self = this;
  var placeholder = {};
  self.sockets.push(placeholder);

  var connectOptions = mergeOptions({}, self.proxyOptions, {
    method: 'CONNECT',
    path: options.host + ':' + options.port,
    agent: false,
    headers: {
      host: options.host + ':' + options.port
    }
  });
  if (options.localAddress) {
    connectOptions.localAddress = options.localAddress;
  }
  if (connectOptions.proxyAuth) {
    connectOptions.headers = connectOptions.headers || {};
    connectOptions.headers['Proxy-Authorization'] = 'Basic ' +
        new Buffer(connectOptions.proxyAuth).toString('base64');
  }

  debug('making CONNECT request');
  var connectReq = self.request(connectOptions);
  connectReq.useChunkedEncodingByDefault = false; // for v0.6
  connectReq.once('response', onResponse); // for v0.6
  connectReq.once('upgrade', onUpgrade);   // for v0.6
  connectReq.once('connect', onConnect);   // for v0.7 or later
  connectReq.once('error', onError);
  connectReq.end();

  function onResponse(res) {
    // Very hacky. This is necessary to avoid http-parser leaks.
    res.upgrade = true;
  }

  function onUpgrade(res, socket, head) {
    // Hacky.
    process.nextTick(function() {
      onConnect(res, socket, head);
    });
  }

  function onConnect(res, socket, head) {
    connectReq.removeAllListeners();
    socket.removeAllListeners();

    if (res.statusCode !== 200) {
      debug('tunneling socket could not be established, statusCode=%d',
        res.statusCode);
      socket.destroy();
      var error = new Error('tunneling socket could not be established, ' +
        'statusCode=' + res.statusCode);
      error.code = 'ECONNRESET';
      options.request.emit('error', error);
      self.removeSocket(placeholder);
      return;
    }
    if (head.length > 0) {
      debug('got illegal response body from proxy');
      socket.destroy();
      var error = new Error('got illegal response body from proxy');
      error.code = 'ECONNRESET';
      options.request.emit('error', error);
      self.removeSocket(placeholder);
      return;
    }
    debug('tunneling connection has established');
    self.sockets[self.sockets.indexOf(placeholder)] = socket;
    return cb(socket);
  }

  function onError(cause) {
    connectReq.removeAllListeners();

    debug('tunneling socket could not be established, cause=%s\n',
          cause.message, cause.stack);
    var error = new Error('tunneling socket could not be established, ' +
                          'cause=' + cause.message);
    error.code = 'ECONNRESET';
    options.request.emit('error', error);
    self.removeSocket(placeholder);
  }
};

TunnelingAgent.prototype.removeSocket = function removeSocket(socket) {
  var pos = this.sockets.indexOf(socket)
  if (pos === -1) {
    return;
  }
  this.sockets.splice(pos, 1);

  var pending = this.requests.shift();
  if (pending) {
    // If we have pending requests and a socket gets closed a new one
    // needs to be created to take over in the pool for the one that closed.
    this.createSocket(pending, function(socket) {
      pending.request.onSocket(socket);
    });
  }
};

function createSecureSocket(options, cb) {
  var self = this;
  TunnelingAgent.prototype.createSocket.call(self, options, function(socket) {
    var hostHeader = options.request.getHeader('host');
    var tlsOptions = mergeOptions({}, self.options, {
      socket: socket,
      servername: hostHeader ? hostHeader.replace(/:.*$/, '') : options.host
    });

    // 0 is dummy port for v0.6
    var secureSocket = tls.connect(0, tlsOptions);
    self.sockets[self.sockets.indexOf(socket)] = secureSocket;
    cb(secureSocket);
  });
}


function toOptions(host, port, localAddress) {
  if (typeof host === 'string') { // since v0.10
    return {
      host: host,
      port: port,
      localAddress: localAddress
    };
  }
  return host; // for v0.11 or later
}

function mergeOptions(target) {
  for (var i = 1, len = arguments.length; i < len; ++i) {
    var overrides = arguments[i];
    if (typeof overrides === 'object') {
      var keys = Object.keys(overrides);
      for (var j = 0, keyLen = keys.length; j < keyLen; ++j) {
        var k = keys[j];
        if (overrides[k] !== undefined) {
          target[k] = overrides[k];
        }
      }
    }
  }
  return target;
}


var debug;
if (process.env.NODE_DEBUG && /\btunnel\b/.test(process.env.NODE_DEBUG)) {
  debug = function() {
    var args = Array.prototype.slice.call(arguments);
    if (typeof args[0] === 'string') {
      args[0] = 'TUNNEL: ' + args[0];
    } else {
      args.unshift('TUNNEL:');
    }
    console.error.apply(console, args);
  }
} else {
  debug = function() {};
}
__webpack_unused_export__ = debug; // for test


/***/ }),

/***/ 613:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("assert");

/***/ }),

/***/ 434:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("events");

/***/ }),

/***/ 611:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("http");

/***/ }),

/***/ 692:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("https");

/***/ }),

/***/ 278:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("net");

/***/ }),

/***/ 203:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("stream");

/***/ }),

/***/ 756:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("tls");

/***/ }),

/***/ 23:
/***/ ((module) => {

module.exports = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("util");

/***/ })

/******/ });
/************************************************************************/
/******/ // The module cache
/******/ var __webpack_module_cache__ = {};
/******/ 
/******/ // The require function
/******/ function __nccwpck_require__(moduleId) {
/******/ 	// Check if module is in cache
/******/ 	var cachedModule = __webpack_module_cache__[moduleId];
/******/ 	if (cachedModule !== undefined) {
/******/ 		return cachedModule.exports;
/******/ 	}
/******/ 	// Create a new module (and put it into the cache)
/******/ 	var module = __webpack_module_cache__[moduleId] = {
/******/ 		// no module.id needed
/******/ 		// no module.loaded needed
/******/ 		exports: {}
/******/ 	};
/******/ 
/******/ 	// Execute the module function
/******/ 	var threw = true;
/******/ 	try {
/******/ 		__webpack_modules__[moduleId].call(module.exports, module, module.exports, __nccwpck_require__);
/******/ 		threw = false;
/******/ 	} finally {
/******/ 		if(threw) delete __webpack_module_cache__[moduleId];
/******/ 	}
/******/ 
/******/ 	// Return the exports of the module
/******/ 	return module.exports;
/******/ }
/******/ 
/************************************************************************/
/******/ /* webpack/runtime/asset-relocator-loader */
/******/ if (typeof __nccwpck_require__ !== 'undefined') __nccwpck_require__.ab = decodeURIComponent(new URL('.', import.meta.url).pathname).slice(import.meta.url.match(/^file:\/\/\/\w:/) ? 1 : 0, -1) + "/";
/******/ 
/******/ /* webpack/runtime/compat get default export */
/******/ (() => {
/******/ 	// getDefaultExport function for compatibility with non-harmony modules
/******/ 	__nccwpck_require__.n = (module) => {
/******/ 		var getter = module && module.__esModule ?
/******/ 			() => (module['default']) :
/******/ 			() => (module);
/******/ 		__nccwpck_require__.d(getter, { a: getter });
/******/ 		return getter;
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/create fake namespace object */
/******/ (() => {
/******/ 	var getProto = Object.getPrototypeOf ? (obj) => (Object.getPrototypeOf(obj)) : (obj) => (obj.__proto__);
/******/ 	var leafPrototypes;
/******/ 	// create a fake namespace object
/******/ 	// mode & 1: value is a module id, require it
/******/ 	// mode & 2: merge all properties of value into the ns
/******/ 	// mode & 4: return value when already ns object
/******/ 	// mode & 16: return value when it's Promise-like
/******/ 	// mode & 8|1: behave like require
/******/ 	__nccwpck_require__.t = function(value, mode) {
/******/ 		if(mode & 1) value = this(value);
/******/ 		if(mode & 8) return value;
/******/ 		if(typeof value === 'object' && value) {
/******/ 			if((mode & 4) && value.__esModule) return value;
/******/ 			if((mode & 16) && typeof value.then === 'function') return value;
/******/ 		}
/******/ 		var ns = Object.create(null);
/******/ 		__nccwpck_require__.r(ns);
/******/ 		var def = {};
/******/ 		leafPrototypes = leafPrototypes || [null, getProto({}), getProto([]), getProto(getProto)];
/******/ 		for(var current = mode & 2 && value; typeof current == 'object' && !~leafPrototypes.indexOf(current); current = getProto(current)) {
/******/ 			Object.getOwnPropertyNames(current).forEach((key) => (def[key] = () => (value[key])));
/******/ 		}
/******/ 		def['default'] = () => (value);
/******/ 		__nccwpck_require__.d(ns, def);
/******/ 		return ns;
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/define property getters */
/******/ (() => {
/******/ 	// define getter functions for harmony exports
/******/ 	__nccwpck_require__.d = (exports, definition) => {
/******/ 		for(var key in definition) {
/******/ 			if(__nccwpck_require__.o(definition, key) && !__nccwpck_require__.o(exports, key)) {
/******/ 				Object.defineProperty(exports, key, { enumerable: true, get: definition[key] });
/******/ 			}
/******/ 		}
/******/ 	};
/******/ })();
/******/ 
/******/ /* webpack/runtime/hasOwnProperty shorthand */
/******/ (() => {
/******/ 	__nccwpck_require__.o = (obj, prop) => (Object.prototype.hasOwnProperty.call(obj, prop))
/******/ })();
/******/ 
/******/ /* webpack/runtime/make namespace object */
/******/ (() => {
/******/ 	// define __esModule on exports
/******/ 	__nccwpck_require__.r = (exports) => {
/******/ 		if(typeof Symbol !== 'undefined' && Symbol.toStringTag) {
/******/ 			Object.defineProperty(exports, Symbol.toStringTag, { value: 'Module' });
/******/ 		}
/******/ 		Object.defineProperty(exports, '__esModule', { value: true });
/******/ 	};
/******/ })();
/******/ 
/************************************************************************/
var __webpack_exports__ = {};

// EXPORTS
__nccwpck_require__.d(__webpack_exports__, {
  V: () => (/* binding */ done)
});

;// CONCATENATED MODULE: ./src/haproxy/errors.ts
const ADVICE = {
    'host-not-found': 'Check the host name; a private name resolves only from inside its network, for example on a self-hosted runner.',
    refused: 'Is HAProxy running, and is this the address and port of its statistics page?',
    unreachable: 'Check the network and its firewall.',
    reset: 'If the port does not speak TLS, try http:// in the URL.',
    'timed-out': 'Check that a firewall does not swallow the connection and that the page has a free connection (maxconn).',
    'tls-unknown-issuer': '',
    'tls-expired': 'Renew the certificate of the statistics page.',
    'tls-wrong-name': 'Use a host name that the certificate of the statistics page carries.',
    'tls-client-certificate': 'The page accepts a certificate that an authority of its `ca-file` has signed and that has not expired.',
    'tls-not-spoken': 'Try http:// in the URL.',
    'tls-spoken': 'Try https:// in the URL.',
    'tls-failed': 'Check the certificates, and that the port speaks TLS.',
    'proxy-refused': 'The proxy from the environment (http_proxy, https_proxy) would not connect; name the host in no_proxy if it is to be reached directly.',
    'not-http': 'Check the address and the port.',
    unauthorized: 'Check the user name and the password (`stats auth` in haproxy.cfg).',
    'login-needed': 'They are in haproxy.cfg (`stats auth`).',
    'other-login': 'HAProxy asks for Basic only, so a proxy or a login gateway seems to answer in its place: use an address at which HAProxy itself answers.',
    forbidden: 'A rule in haproxy.cfg (`stats http-request deny`, `http-request deny`) refuses this client.',
    redirected: 'Redirects are not followed; use the URL that it leads to, if that is the statistics page.',
    'wrong-path': 'Is the path right? It must be the `stats uri` of haproxy.cfg (without one: /haproxy?stats), on a port whose section has it.',
    'unexpected-status': 'Is this the URL of a HAProxy statistics page?',
    'not-csv': 'Is this the URL of a HAProxy statistics page? It must be the `stats uri` of haproxy.cfg, reached without a login page in between.',
    truncated: 'Something between here and HAProxy closed the connection.',
    oversized: 'Is this the URL of a HAProxy statistics page?',
    malformed: 'The statistics page is not as HAProxy writes it; something in between may have changed it.',
    'several-processes': 'With nbproc above 1 each process has a state of its own and a request reaches only one of them; give every process a statistics page of its own (`bind-process`), or use threads.',
    DENY: 'HAProxy refuses changes: `stats admin if …` is missing in haproxy.cfg or its condition is not true for this request, or `stats scope` leaves the backend out.',
    ERRP: 'HAProxy did not accept the backend, the server or the action; were they removed since the page was read?',
    NONE: 'HAProxy changed nothing; the server has no such check, or its check is not enabled.',
    PART: 'HAProxy knows only some of these servers; were the others removed, or are two servers of one name in the backend?',
    EXCD: 'The request was larger than HAProxy takes (`tune.bufsize`); name fewer servers at a time.',
    IVAL: 'HAProxy did not accept the form of the request; something in between may have changed it.',
    UNKN: 'HAProxy gave an answer that it does not explain itself.',
    'not-haproxy': 'The change reached something that is not the statistics page; is the URL the `stats uri`, and is nothing between here and HAProxy that answers in its place?',
    'unknown-backend': 'Check the spelling (names are case-sensitive), and that no `stats scope` hides the backend from this page.',
    'unknown-server': 'Check the spelling; names are case-sensitive.',
    'not-returnable': '',
    'too-many-servers': '',
    'guard-refused': 'Bring another server back first.',
    'no-turn': '',
    'same-address': 'Stopping the application would break their requests as well.',
    'several-haproxies': 'Name each HAProxy by an address of its own; a change reaches only the one that happens to answer.',
    'did-not-hold': 'An agent check (ask for dagent before, and for eagent afterwards), another operator or a reload of HAProxy may have changed it.',
    'changed-meanwhile': 'Find out who did it (a person, another job, an agent check, a controller), then run this step again.',
    'not-drained': '',
    'old-process': '`hard-stop-after` in haproxy.cfg limits how long an old process lives.',
    'not-up': '',
    'bake-failed': 'Look at what the application answers, and at its log, before it is brought back again.',
    'not-baked': '',
    'not-all-up': '',
    cancelled: ''
};
const TRANSIENT = new Set([
    'refused',
    'unreachable',
    'reset',
    'timed-out',
    'truncated'
]);
class HaproxyError extends Error {
    name = 'HaproxyError';
    problem;
    advice;
    transient;
    constructor(problem, message, details = {}) {
        super(message, details.cause === undefined ? {} : { cause: details.cause });
        this.problem = problem;
        this.advice = details.advice ?? ADVICE[problem];
        this.transient = details.transient ?? TRANSIENT.has(problem);
    }
}
const SHUT_OUT = ['unauthorized', 'login-needed', 'other-login', 'forbidden'];
const DECLINED = new Set([
    'host-not-found',
    'refused',
    'tls-unknown-issuer',
    'tls-expired',
    'tls-wrong-name',
    'tls-client-certificate',
    'tls-not-spoken',
    'tls-spoken',
    'proxy-refused',
    ...SHUT_OUT,
    'DENY',
    'ERRP',
    'NONE',
    'EXCD',
    'IVAL'
]);
function changedNothing(error) {
    return error instanceof HaproxyError && DECLINED.has(error.problem);
}
function messageOf(error) {
    return error instanceof Error ? error.message : String(error);
}
function asPartial(error) {
    return error instanceof HaproxyError
        ? new HaproxyError('PART', error.message, {
            advice: error.advice,
            transient: error.transient,
            cause: error
        })
        : error;
}

;// CONCATENATED MODULE: ./src/haproxy/server.ts
const STATUS = /^(UP|DOWN|NOLB|DRAIN|MAINT|no check)(?: (?:-?\d+\/\d+|\([^)]*\)))?$/;
function statusWord(status) {
    return STATUS.exec(status)?.[1];
}
function parseAddress(text) {
    const [, host, digits] = /^(\[[^\]]+\]|[^:[\]]+):(\d+)$/.exec(text) ?? [];
    const port = Number(digits);
    if (host === undefined || host === '0.0.0.0' || host === '[::]' || port === 0) {
        return undefined;
    }
    const mapped = /^\[::ffff:(\d+\.\d+\.\d+\.\d+)\]$/.exec(host)?.[1];
    return { host: mapped ?? host, port };
}
function shownAdminState(server) {
    switch (server.word) {
        case 'MAINT':
            return 'maint';
        case 'DRAIN':
            return 'drain';
        case 'UP':
        case 'no check':
            return 'ready';
        case 'DOWN':
        case 'NOLB':
        case undefined:
            return undefined;
    }
}
function isInheritedMaint(server) {
    return server.word === 'MAINT' && server.status !== 'MAINT';
}
function isUnresolved(server) {
    return server.status === 'MAINT (resolution)';
}
function ownAdminState(server) {
    const shown = shownAdminState(server);
    if (isInheritedMaint(server)) {
        return 'ready';
    }
    return shown === 'drain' && server.tracked !== undefined ? undefined : shown;
}
function canBe(server, state) {
    const shown = shownAdminState(server);
    return shown === undefined ? server.word !== undefined && state !== 'maint' : shown === state;
}
function isUp({ status, weight, throttle }) {
    return (status === 'UP' || status === 'no check') && weight > 0 && throttle === undefined;
}
function takesTraffic(server) {
    return (server.word === 'UP' || server.word === 'no check') && server.weight > 0;
}
function isReachable({ word, sessions, queue }) {
    return (word !== 'MAINT' && word !== 'DOWN') || sessions + queue > 0;
}
function mayComeUp(server) {
    return server.word === 'DOWN' || isUnresolved(server);
}
function isOutOfRotation(server) {
    return server.word !== undefined && server.word !== 'UP' && server.word !== 'no check';
}
function isOut(server, state) {
    return isOutOfRotation(server) && (state === 'drain' || canBe(server, 'maint'));
}
function isDrained(server, maxSessions) {
    return isOutOfRotation(server) && server.sessions + server.queue <= maxSessions;
}

;// CONCATENATED MODULE: ./src/rotation/describe.ts

function namesOf(targets) {
    const instances = Map.groupBy(targets, ({ backend }) => backend.instance.name);
    return [...instances]
        .map(([instance, on]) => `${on.map(({ name }) => name).join(', ')} on ${instance}`)
        .join(' and ');
}
function seenAs({ now }) {
    const sessions = now.sessions > 0 ? [count(now.sessions, 'session')] : [];
    const queue = now.queue > 0 ? [`${now.queue} queued`] : [];
    const load = [...sessions, ...queue].join(', ');
    const status = now.status === 'no check' ? 'ready (no check)' : now.status;
    return load === '' ? status : `${status} with ${load}`;
}
function whyNotUp(server) {
    const { check, checkFailed, status, throttle, unchecked, weight, word } = server;
    const isPlain = status === 'UP' || status === 'no check' || word === 'DRAIN';
    return [
        ...(weight === 0 ? [', its weight is 0, so load balancing sends it nobody'] : []),
        ...(throttle === undefined ? [] : [`, slowstart gives it ${throttle} % of its weight`]),
        ...(check !== '' && (checkFailed || unchecked || !isPlain) ? [lastCheck(check)] : [])
    ].join('');
}
function lastCheck(check) {
    return `, its last check says ${check}`;
}
function notUpInWords(target) {
    return `${target.fullName} is ${seenAs(target)}${whyNotUp(target.now)}`;
}
function statesOf(targets) {
    const states = Map.groupBy(targets, (target) => {
        if (target.isKnown) {
            return `${seenAs(target)}${describe_hidden(target)}${target.change.isRolledBack ? ' (rolled back)' : ''}`;
        }
        return `in an unknown state (${askedFor(target)}last seen ${seenAs(target)})`;
    });
    return [...states]
        .map(([state, those]) => `${namesOf(those)} ${those.length === 1 ? 'is' : 'are'} ${state}`)
        .join('; ');
}
function askedFor({ change }) {
    return change.state === undefined ? '' : `asked for ${change.state}, `;
}
function describe_hidden({ change, now }) {
    if (change.state === undefined || change.isRolledBack || shownAdminState(now) !== undefined) {
        return '';
    }
    return `, ${change.isUncertain === true ? 'perhaps' : 'asked for'} ${change.state}`;
}
function count(amount, what) {
    return `${amount} ${what}${amount === 1 ? '' : 's'}`;
}

;// CONCATENATED MODULE: ./src/rotation/duration.ts
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d)?)s)?(?:(\d+)ms)?$/;
function parseDuration(text) {
    const match = DURATION.exec(text);
    if (match === null || text === '') {
        return undefined;
    }
    const [hours, minutes, seconds, ms] = match.slice(1).map((digits) => Number(digits || 0));
    return ((hours ?? 0) * UNITS.h +
        (minutes ?? 0) * UNITS.m +
        Math.round((seconds ?? 0) * UNITS.s) +
        (ms ?? 0));
}
const AGES = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'm'],
    [1, 's']
];
function formatAge(seconds) {
    const largest = AGES.findIndex(([size]) => seconds >= size);
    const parts = AGES.slice(largest, largest < 0 ? undefined : largest + 2);
    let left = seconds;
    const written = parts.map(([size, unit]) => {
        const count = Math.floor(left / size);
        left %= size;
        return count > 0 ? `${count}${unit}` : '';
    });
    return written.join('') || '0s';
}
function formatDuration(ms) {
    if (Math.round(ms) === 0) {
        return '0s';
    }
    if (Math.round(ms) < UNITS.s) {
        return `${Math.round(ms)}ms`;
    }
    const tenths = Math.round(ms / 100);
    if (tenths < 600) {
        return `${tenths / 10}s`;
    }
    const total = Math.round(ms / UNITS.s);
    const parts = [
        [Math.floor(total / 3_600), 'h'],
        [Math.floor((total % 3_600) / 60), 'm'],
        [total % 60, 's']
    ];
    return parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : '')).join('');
}

;// CONCATENATED MODULE: ./src/rotation/same-address.ts


function sharedAddresses(instance, { servers }, targets, isLeaving) {
    const others = servers.filter((server) => !isLeaving(server));
    const reachable = others.filter(isReachable);
    const down = others.filter((server) => !isReachable(server) && mayComeUp(server));
    const among = (some, test) => some
        .filter((other) => targets.some((target) => test(other, target)))
        .map((server) => ({ instance, server }));
    return {
        same: among(reachable, isSameAddress),
        down: among(down, isSameAddress),
        otherPort: among(reachable, (other, target) => isSameHost(other, target) &&
            !isSameAddress(other, target) &&
            other.backend !== target.backend),
        unknown: among([...reachable, ...down], (other, target) => other.name === target.name && (other.address === undefined || target.address === undefined)),
        areShown: targets.every(({ address }) => address !== undefined)
    };
}
function onAllPages(pages) {
    return {
        same: pages.flatMap(({ same }) => same),
        down: pages.flatMap(({ down }) => down),
        otherPort: pages.flatMap(({ otherPort }) => otherPort),
        unknown: pages.flatMap(({ unknown }) => unknown),
        areShown: pages.length > 0 && pages.every(({ areShown }) => areShown)
    };
}
function isSameAddress(one, other) {
    return isSameHost(one, other) && one.address?.port === other.address?.port;
}
function isSameHost(one, other) {
    return one.address !== undefined && one.address.host === other.address?.host;
}
function atSameAddress({ same, down }) {
    return [...same, ...down];
}
function describeOthers(others) {
    const names = others.map(({ server, instance }) => {
        return `${server.backend}/${server.name} on ${instance.name} (${server.status})`;
    });
    return [...new Set(names)].join(', ');
}
function refuseSharedAddresses({ same }) {
    if (same.length > 0) {
        throw new HaproxyError('same-address', `The same address is in use by servers that were not named: ${describeOthers(same)}.`);
    }
}

;// CONCATENATED MODULE: ./src/rotation/log-lines.ts



function retryingIn(message, pauseMs) {
    return `${message} Trying again in ${formatDuration(pauseMs)}.`;
}
function retryingFor(message, remainingMs) {
    return `${message} Trying again for up to ${formatDuration(remainingMs)}.`;
}
const READABLE_AGAIN = 'The statistics page can be read again.';
function alsoOnHost(others) {
    return [
        `Also on the same host, on another port: ${describeOthers(others)}. Is one of them the same application?`,
        'Same host, another port'
    ];
}
function waitingForTurn(remainingMs, why) {
    return `Waiting for a turn for up to ${formatDuration(remainingMs)}. ${why}`;
}
const CLAIM_WITHDRAWN = 'Too few others were left after the claim, so it was withdrawn.';
function askingFor(what, targets, why = '') {
    return `Asking for ${what}${why}: ${namesOf(targets)}.`;
}
const FOR_FRESH_CHECK = ', for a fresh health check';
function newSessionsKeepComing({ fullName }) {
    return `New sessions keep coming to ${fullName}, so it is not drained, even though none is open right now.`;
}
function waitingForOldProcess(remainingMs) {
    const howLong = remainingMs === Infinity ? '' : ` for ${formatDuration(remainingMs)}`;
    return `HAProxy shows no more sessions. Waiting${howLong}: a process from before a reload may still hold some.`;
}
function notDrainedInTime(message) {
    return [message, 'Not drained in time'];
}
function killingSessions(targets) {
    return `Killing the sessions of ${namesOf(targets)}.`;
}
function rollingBack(state, targets) {
    return `Rolling back to ${state}: ${namesOf(targets)}.`;
}
function noFreshCheck({ fullName, name, before }) {
    return [
        `${fullName} comes back without a fresh check: no other server of ${before.backend} serves, so its pinned clients would have nowhere to go.`,
        `${name}: no fresh check`
    ];
}
function endingDrain(targets) {
    return `Ending the drain: ${namesOf(targets)}.`;
}
function noHealthCheck({ fullName, name }) {
    return [
        `${fullName} has no health check: HAProxy sends it traffic without knowing whether it is healthy.`,
        `${name}: no health check`
    ];
}
function followsAnother({ fullName, name }, leader) {
    return [
        `${fullName} follows ${leader} (track): this step did not have that server's health checked again.`,
        `${name}: follows another server`
    ];
}
function watchGoesOn(targets) {
    return `The watch goes on: ${statesOf(targets)}.`;
}
function takingOutAgain(targets) {
    return `Taking ${namesOf(targets)} out of rotation again.`;
}
function restored(state, targets) {
    return [`Restored to ${state}: ${statesOf(targets)}.`, `Restored to ${state}`];
}
function reloadAt(instanceName, change) {
    return change === 'unclear'
        ? `Another process of HAProxy answers at ${instanceName}, perhaps after a reload`
        : `HAProxy was reloaded or restarted at ${instanceName}`;
}
function reloaded(reload, lost, next) {
    const whose = lost.length === 1 ? 'its' : 'their';
    const again = lost.length > 0 ? `, and ${namesOf(lost)} lost ${whose} admin state` : '';
    return [`${reload}${again}: ${next}.`, 'HAProxy was reloaded'];
}
const NO_SESSION_WAS_LEFT = 'no session was left on its old process';
const SESSIONS_MAY_REMAIN = 'the old process may still hold sessions, and nothing shows them';
const SESSIONS_UNKNOWN = 'whether an old process still holds sessions cannot be known';
const STARTING_OVER = 'the return starts over';
function countersClearedAt(instanceName) {
    return `The counters of ${instanceName} were cleared`;
}
function watchedAnew(why, bakeMs) {
    return [
        `${why}: the watch of the traffic begins anew. It lasts ${formatDuration(bakeMs)}.`,
        'Watched anew'
    ];
}

;// CONCATENATED MODULE: ./src/rotation/retry.ts


const PAUSES_MS = [250, 1_000, 2_500];
async function retry(work, { clock, log, cancelled }, isRetryable = (error) => error.transient) {
    for (const pause of PAUSES_MS) {
        try {
            return await work();
        }
        catch (error) {
            if (!(error instanceof HaproxyError) || !isRetryable(error) || cancelled.aborted) {
                throw error;
            }
            log.info(retryingIn(error.message, pause));
            await clock.sleep(pause, cancelled);
        }
    }
    return work();
}

;// CONCATENATED MODULE: ./src/rotation/settle-all.ts

async function settleAll(items, work) {
    const settled = await Promise.allSettled(items.map(work));
    const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    const [first] = errors;
    if (first instanceof HaproxyError && errors.length > 1) {
        const known = errors.filter((error) => error instanceof HaproxyError);
        const { problem, advice } = known.find(({ transient }) => !transient) ?? first;
        const messages = new Set(errors.map(({ message }) => message));
        throw new HaproxyError(problem, [...messages].join(' '), {
            advice,
            cause: new AggregateError(errors),
            transient: known.length === errors.length && known.every(({ transient }) => transient)
        });
    }
    if (first !== undefined) {
        throw first;
    }
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

;// CONCATENATED MODULE: ./src/rotation/admin-access.ts


async function checkAdminAccess(backends, context) {
    const limits = { signal: context.cancelled };
    await settleAll(backends, ({ instance, name }) => retry(() => instance.page.checkAdminAccess(name, limits), context));
}

;// CONCATENATED MODULE: ./src/rotation/target.ts


const NONE = { state: undefined, at: 0, isRolledBack: false, isCommanded: false };
class Target {
    backend;
    before;
    #now;
    #newSessions = 0;
    #isKnown = true;
    #change = NONE;
    constructor(backend, server) {
        this.backend = backend;
        this.before = server;
        this.#now = server;
    }
    get now() {
        return this.#now;
    }
    get newSessions() {
        return this.#newSessions;
    }
    get isKnown() {
        return this.#isKnown;
    }
    get change() {
        return this.#change;
    }
    get name() {
        return `${this.before.backend}/${this.before.name}`;
    }
    get fullName() {
        return `${this.name} on ${this.backend.instance.name}`;
    }
    update(server) {
        if (server === undefined) {
            throw new HaproxyError('unknown-server', `${this.fullName} is no longer there.`, {
                advice: 'Was it removed, or HAProxy reloaded without it?',
                transient: true
            });
        }
        if (server.word === undefined) {
            const what = `${this.fullName} has the unknown status "${server.status}".`;
            throw new HaproxyError('malformed', what);
        }
        this.#newSessions = server.total - this.#now.total;
        const isShort = server.checking && this.#now.check.startsWith(server.check);
        this.#now = isShort ? { ...server, check: this.#now.check } : server;
        this.#isKnown = true;
    }
    invalidate() {
        this.#isKnown = false;
    }
    recordRequest(state, at, isUncertain) {
        const orElse = isUncertain && this.#stateBefore;
        this.#change = { ...this.#change, state, at, isUncertain, orElse, isRolledBack: false };
        this.invalidate();
    }
    get #stateBefore() {
        const { state, isUncertain, orElse, isRolledBack } = this.#change;
        return isRolledBack ? undefined : isUncertain ? orElse : state;
    }
    recordCommand() {
        this.#change = { ...this.#change, isCommanded: true };
        this.invalidate();
    }
    recordRollBack() {
        this.#change = { ...this.#change, isRolledBack: true };
    }
}
function wasTouched({ change }) {
    return change.state !== undefined || change.isCommanded;
}
function isMoved({ change, before, now, isKnown }) {
    if (change.state === undefined || change.isRolledBack) {
        return false;
    }
    const is = isKnown ? shownAdminState(now) : undefined;
    return shownAdminState(before) !== (is ?? change.state);
}
function isChanged(target) {
    return target.change.isCommanded || isMoved(target);
}

;// CONCATENATED MODULE: ./src/rotation/backend.ts


class Backend {
    instance;
    name;
    targets;
    followers;
    #servers;
    #seenAt;
    constructor(instance, name, names, seen) {
        const { targets, followers = [] } = names;
        this.instance = instance;
        this.name = name;
        this.#servers = serversOf(seen, name);
        this.#seenAt = instance.clock.now();
        this.targets = this.#pick(targets);
        this.followers = this.#pick(followers);
    }
    get fullName() {
        return `${this.name} on ${this.instance.name}`;
    }
    get servers() {
        return this.#servers;
    }
    get seenAt() {
        return this.#seenAt;
    }
    get others() {
        const leaving = this.#watched.map(({ before }) => before.name);
        return this.#servers.filter(({ name }) => !leaving.includes(name));
    }
    async look(limits) {
        this.#watched.forEach((target) => {
            target.invalidate();
        });
        const servers = serversOf(await this.instance.page.look(limits, this.name), this.name);
        for (const target of this.#watched) {
            target.update(servers.find(({ name }) => name === target.before.name));
        }
        this.#servers = servers;
        this.#seenAt = this.instance.clock.now();
    }
    async request(state, targets, limits) {
        await this.#send(state, targets, limits, (target, isUncertain) => {
            target.recordRequest(state, this.instance.clock.now(), isUncertain);
        });
    }
    async command(name, targets, limits) {
        await this.#send(name, targets, limits, (target) => {
            target.recordCommand();
        });
    }
    async putBack(state, targets, limits) {
        await this.#send(state, targets, limits, (target) => {
            target.invalidate();
        });
    }
    async forceDown(targets, limits) {
        await this.#send('hdown', targets, limits, (target) => {
            target.invalidate();
        });
    }
    async release(target, limits) {
        const isAgain = target.change.state === 'ready';
        const record = (isUncertain) => {
            target.recordRequest('ready', this.instance.clock.now(), isUncertain);
        };
        try {
            const isDone = (await this.#switch('start', target, limits)) || isAgain;
            if (isDone) {
                record();
            }
            return isDone;
        }
        catch (error) {
            if (!changedNothing(error)) {
                record(true);
            }
            throw error;
        }
    }
    async undo(flag, target, limits) {
        await this.#switch(flag, target, limits);
    }
    async #switch(flag, target, limits) {
        target.invalidate();
        return this.instance.page.clearFlag(flag, this.name, target.before.name, limits);
    }
    get #watched() {
        return [...this.targets, ...this.followers];
    }
    #pick(names) {
        const picked = new Set(names);
        return this.#servers
            .filter(({ name }) => picked.has(name))
            .map((server) => new Target(this, server));
    }
    async #send(change, targets, limits, record) {
        const names = targets.map(({ before }) => before.name);
        try {
            await this.instance.page.requestChange(change, this.name, names, limits);
            targets.forEach((target) => {
                record(target);
            });
        }
        catch (error) {
            if (!changedNothing(error)) {
                targets.forEach((target) => {
                    record(target, true);
                });
            }
            throw error;
        }
    }
}
function serversOf({ servers }, backend) {
    return servers.filter((server) => server.backend === backend);
}
function targetsOf(backends) {
    return backends.flatMap(({ targets }) => targets);
}
function followersOf(backends) {
    return backends.flatMap(({ followers }) => followers);
}
function backendsOf(targets) {
    return [...new Set(targets.map(({ backend }) => backend))];
}
function instancesOf(backends) {
    return [...new Set(backends.map(({ instance }) => instance))];
}

;// CONCATENATED MODULE: ./src/haproxy/counters.ts
const COLUMNS = [
    'stot',
    'wretr',
    'wredis',
    'econ',
    'eresp',
    'srv_abrt',
    'cli_abrt',
    'hrsp_1xx',
    'hrsp_2xx',
    'hrsp_3xx',
    'hrsp_4xx',
    'hrsp_5xx',
    'hrsp_other'
];
function readCounters(cell) {
    const filled = COLUMNS.filter((column) => /^\d+$/.test(cell(column)));
    return Object.fromEntries(filled.map((column) => [column, Number(cell(column))]));
}
function addCounters(one, other) {
    return combine(one, other, (a, b) => a + b);
}
function countedSince(before, now) {
    return combine(now, before, (a, b) => a - b);
}
function haveFallen(before, now) {
    return Object.values(countedSince(before, now)).some((growth) => growth < 0);
}
function combine(one, other, how) {
    const filled = COLUMNS.filter((name) => one[name] !== undefined || other[name] !== undefined);
    return Object.fromEntries(filled.map((name) => [name, how(one[name] ?? 0, other[name] ?? 0)]));
}

;// CONCATENATED MODULE: ./src/rotation/bake-traffic.ts

const FAILURES = (/* unused pure expression or super */ null && ([
    'serverErrors',
    'brokenAnswers',
    'refusedConnections',
    'redispatches',
    'unanswered'
]));
const UNANSWERED_AFTER_MS = 10_000;
class Counting {
    #since = {};
    #moreInProgress = 0;
    #mostInProgress = 0;
    #begun = [];
    add(before, now) {
        this.#since = addCounters(this.#since, countedSince(before.counters, now.counters));
        this.#moreInProgress += now.sessions - before.sessions;
    }
    looked(at, inProgress = 0) {
        this.#mostInProgress = Math.max(this.#mostInProgress, inProgress);
        const old = this.#begun.findLastIndex((look) => look.at <= at - UNANSWERED_AFTER_MS);
        this.#begun = [...this.#begun.slice(Math.max(0, old)), { at, requests: this.#requests }];
    }
    get inProgressPerRequest() {
        return this.#requests + this.#mostInProgress === 0
            ? Infinity
            : this.#mostInProgress / Math.max(1, this.#requests);
    }
    traffic(inProgressPerRequest = 0) {
        const reasons = {
            serverErrors: this.#count('hrsp_5xx'),
            brokenAnswers: this.#brokenAnswers,
            refusedConnections: this.#count('econ'),
            redispatches: this.#count('wredis'),
            unanswered: this.#requests === 0
                ? 0
                : Math.max(0, this.#unanswered - Math.ceil(inProgressPerRequest * this.#requests))
        };
        const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
        return { requests: this.#requests, failed: Math.min(failed, this.#requests), reasons };
    }
    get #requests() {
        return Math.max(0, this.#count('stot') - this.#count('wretr'));
    }
    get #answers() {
        return this.#since.hrsp_2xx === undefined
            ? undefined
            : this.#count('hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx', 'hrsp_other');
    }
    get #brokenAnswers() {
        const counted = this.#count('eresp');
        if (this.#answers === undefined) {
            return counted;
        }
        const ended = this.#requests - this.#moreInProgress;
        const elsewhere = this.#answers + this.#count('econ', 'wredis', 'cli_abrt');
        const most = ended - elsewhere + this.#count('srv_abrt');
        return Math.min(counted, Math.max(most, Math.ceil(counted / 2)));
    }
    get #unanswered() {
        const [first] = this.#begun;
        const last = this.#begun.at(-1);
        const answers = this.#answers;
        if (first === undefined || last === undefined || answers === undefined) {
            return 0;
        }
        const isOld = first.at <= last.at - UNANSWERED_AFTER_MS;
        const ended = answers + this.#brokenAnswers + this.#count('econ', 'wredis');
        return isOld ? Math.max(0, first.requests - ended) : 0;
    }
    #count(...columns) {
        return columns.reduce((sum, column) => sum + (this.#since[column] ?? 0), 0);
    }
}

;// CONCATENATED MODULE: ./src/rotation/bake-verdict.ts
const MIN_REQUESTS = 20;
const SURPLUS = { meanwhile: 10, atTheEnd: 5 };
const DEVIATIONS = 3;
function errorRate({ requests, failed }) {
    return requests === 0 ? 0 : failed / requests;
}
function judgeTraffic(target, neighbours, maxErrorRate, isOver) {
    const { requests, failed } = target;
    if (requests < MIN_REQUESTS) {
        return 'too few';
    }
    const rate = errorRate(neighbours);
    const surplus = failed - requests * Math.min(1, maxErrorRate + rate);
    const chance = rate === 0
        ? 0
        : Math.sqrt(requests * rate * (1 - rate) * (1 + requests / neighbours.requests)) * DEVIATIONS;
    if (surplus >= Math.max(isOver ? SURPLUS.atTheEnd : SURPLUS.meanwhile, chance)) {
        return 'bad';
    }
    return surplus > 0 ? 'unclear' : 'well';
}

;// CONCATENATED MODULE: ./src/rotation/bake-window.ts




class BakeWindow {
    beganAt;
    #backends;
    #counts;
    #last = new Map();
    constructor(backends, beganAt) {
        this.#backends = backends;
        this.beganAt = beganAt;
        this.#counts = new Map(targetsOf(backends).map(({ name }) => [
            name,
            { target: new Counting(), neighbours: new Counting() }
        ]));
        backends.forEach((backend) => this.#last.set(backend, backend.servers));
    }
    add(seen) {
        for (const backend of seen) {
            const last = this.#last.get(backend) ?? [];
            for (const { name, now } of backend.targets) {
                const before = last.find((server) => server.name === now.name);
                const count = this.#counts.get(name);
                if (before !== undefined && count !== undefined) {
                    count.target.add(before, now);
                    addNeighbours(count.neighbours, last, backend);
                }
            }
            this.#last.set(backend, backend.servers);
        }
        const at = Math.max(this.beganAt, ...seen.map(({ seenAt }) => seenAt));
        for (const [name, { target, neighbours }] of this.#counts) {
            const backends = this.#backends.filter(({ targets }) => targets.some((each) => each.name === name));
            target.looked(at);
            neighbours.looked(at, sessionsOf(backends.flatMap(({ others }) => others)));
        }
    }
    judge(maxErrorRate, isOver) {
        return [...this.#counts].map(([name, count]) => {
            const traffic = count.target.traffic(count.neighbours.inProgressPerRequest);
            const neighbours = count.neighbours.traffic();
            return {
                name,
                traffic,
                neighbours,
                verdict: judgeTraffic(traffic, neighbours, maxErrorRate, isOver),
                missing: this.#missingOf(name)
            };
        });
    }
    #missingOf(name) {
        const counters = targetsOf(this.#backends)
            .filter((target) => target.name === name)
            .map(({ now }) => now.counters);
        const needed = ['wretr', 'wredis', 'econ', 'eresp', 'hrsp_5xx'];
        return needed.filter((column) => counters.some((each) => each[column] === undefined));
    }
}
function sessionsOf(servers) {
    return servers.filter(takesTraffic).reduce((sum, { sessions }) => sum + sessions, 0);
}
function addNeighbours(neighbours, last, { others }) {
    for (const now of others.filter(takesTraffic)) {
        const before = last.find(({ name }) => name === now.name);
        if (before !== undefined && takesTraffic(before)) {
            neighbours.add(before, now);
        }
    }
}

;// CONCATENATED MODULE: ./src/rotation/seen-process.ts
function isReload(change) {
    return change === 'newer' || change === 'unclear';
}
const ROUNDING_MS = 2_000;
function isSame(one, other) {
    return one.pid === other.pid && Math.abs(one.startedAt - other.startedAt) <= ROUNDING_MS;
}

;// CONCATENATED MODULE: ./src/rotation/instance.ts



const LOOKS = 3;
const AFTER_HARD_STOP_MS = 1_000;
const LOADING_MS = 30_000;
class Instance {
    page;
    otherAddresses;
    clock;
    #first;
    #isShown = false;
    #process;
    #lag = 0;
    #former = [];
    constructor(page, clock, otherAddresses = []) {
        this.page = page;
        this.clock = clock;
        this.otherAddresses = otherAddresses;
    }
    get name() {
        return this.page.name;
    }
    get process() {
        return this.#process;
    }
    get showsProcess() {
        return this.#isShown;
    }
    get firstProcess() {
        return this.#first;
    }
    async identify(limits, looks = 1) {
        const [seen, ...others] = await settleAll(Array.from({ length: looks }), () => this.#look(limits));
        this.#process = seen;
        if (seen && others.some((other) => other && !isSame(seen, other))) {
            await this.refuseIfSeveral(limits);
        }
        this.#first = this.#process;
    }
    async recheck(limits) {
        const before = this.#process;
        if (before === undefined) {
            return 'unknown';
        }
        for (let looks = 1;; looks += 1) {
            const seen = await this.#look(limits);
            if (seen === undefined) {
                this.#process = undefined;
                return 'unknown';
            }
            if (isSame(before, seen) && looks === 1) {
                this.#process = { ...before, lastSeenAt: seen.lastSeenAt };
                return 'same';
            }
            if ([before, ...this.#former].some((former) => isSame(former, seen))) {
                throw new HaproxyError('several-haproxies', `Two HAProxies answer in turn at ${this.name}: its process is not the same from one look to the next, and then is again.`);
            }
            const isNewer = seen.startedAt >= before.lastSeenAt;
            if (isNewer || looks === LOOKS) {
                this.#former.push(before);
                this.#process = seen;
                this.#lag =
                    isNewer || seen.pid !== before.pid ? 0 : this.#lag + seen.startedAt - before.startedAt;
                return isNewer ? 'newer' : 'unclear';
            }
        }
    }
    async refuseIfSeveral(limits) {
        if (this.#process === undefined) {
            await this.identify(limits);
        }
        for (let looks = 0; looks <= LOOKS; looks += 1) {
            await this.recheck(limits);
        }
    }
    async refuseIfOthersAnswer(limits) {
        const here = this.#process;
        const there = await settleAll(here === undefined ? [] : this.otherAddresses, async (address) => {
            const seen = await this.#look(limits, this.page.at(address));
            return here !== undefined && seen !== undefined && isSame(here, seen) ? [] : [address];
        });
        if (there.flat().length > 0) {
            throw new HaproxyError('several-haproxies', `The host of ${this.name} has several addresses, and they are several HAProxies: the process at ` +
                `${this.page.address ?? ''} is not the one at ${there.flat().join(', ')}.`);
        }
    }
    elapsedSince(at, seenAt = this.clock.now()) {
        return seenAt - at - Math.max(0, this.#lag);
    }
    oldProcessesGoneAt({ firstSeenAt, startedAt }, hardStopAfterMs) {
        return hardStopAfterMs + Math.min(firstSeenAt + AFTER_HARD_STOP_MS, startedAt + LOADING_MS);
    }
    #isRefusedSince({ problem }, page) {
        const refusals = SHUT_OUT;
        return page === this.page && this.#process !== undefined && refusals.includes(problem);
    }
    async #look(limits, page = this.page) {
        try {
            const process = await page.identify(limits);
            const now = this.clock.now();
            if (page === this.page) {
                this.#isShown = process !== undefined;
            }
            return (process && {
                pid: process.pid,
                startedAt: now - process.uptimeMs,
                firstSeenAt: now,
                lastSeenAt: now
            });
        }
        catch (error) {
            limits.signal.throwIfAborted();
            if (error instanceof HaproxyError && !error.transient && !this.#isRefusedSince(error, page)) {
                this.#isShown &&= page !== this.page;
                return undefined;
            }
            throw error;
        }
    }
}
function areOne(one, other) {
    return (one.process !== undefined && other.process !== undefined && isSame(one.process, other.process));
}

;// CONCATENATED MODULE: ./src/rotation/other-hands.ts





function isAsLeft(server, state, elapsedMs) {
    const { secondsInState } = server;
    return (canBe(server, state) &&
        (state !== 'maint' ||
            secondsInState === undefined ||
            secondsInState * 1_000 >= elapsedMs - ROUNDING_MS));
}
const WHO = {
    same: 'HAProxy was not reloaded, so somebody else changed it',
    newer: 'It was changed after HAProxy was reloaded, so somebody else changed it',
    unclear: 'Another process of HAProxy answers, and somebody else changed it since',
    unknown: 'The page does not show whether HAProxy was reloaded or somebody changed it'
};
function changedByOthers(lost, change) {
    const seen = lost.map((target) => {
        const { state } = target.change;
        return `${target.fullName} ${state === undefined ? '' : `was asked for ${state} and `}is ${seenAs(target)}`;
    });
    const agent = lost.some(({ now }) => now.hasAgent) ? ' An agent check is enabled there.' : '';
    const leader = lost.find(({ now }) => now.tracked !== undefined)?.now.tracked;
    const follows = leader === undefined ? '' : ` It follows ${leader} (track).`;
    return new HaproxyError('changed-meanwhile', `${seen.join('; ')}. ${WHO[change]}.${agent}${follows}`);
}
function notLostByReload(lost, heldAt) {
    return lost.filter((target) => {
        const { process } = target.backend.instance;
        const held = heldAt.get(target);
        return process !== undefined && held !== undefined && held > process.startedAt + LOADING_MS;
    });
}

;// CONCATENATED MODULE: ./src/rotation/baking.ts








class Baking {
    #backends;
    #options;
    #context;
    #window;
    #isProlonged = false;
    #up = new Set();
    #last = new Map();
    #unseen = new Set();
    constructor(backends, options, context) {
        this.#backends = backends;
        this.#options = options;
        this.#context = context;
        this.#window = new BakeWindow(backends, context.clock.now());
    }
    get baked() {
        return {
            elapsedMs: this.#elapsedMs,
            maxErrorRate: this.#options.maxErrorRate,
            servers: this.#window.judge(this.#options.maxErrorRate, this.#isOver)
        };
    }
    get down() {
        return targetsOf(this.#backends).filter((target) => isDown(target.now) && (this.#isOver || this.#up.has(target)));
    }
    get notUp() {
        return targetsOf(this.#backends).filter(({ now }) => !isUp(now));
    }
    get bad() {
        return this.baked.servers.filter(({ verdict }) => verdict === 'bad').map(({ name }) => name);
    }
    async judge(seen) {
        if (seen.length > 0 && !(await this.#hasBegunAnew(seen))) {
            this.#window.add(seen);
        }
        targetsOf(seen)
            .filter(({ now }) => takesTraffic(now))
            .forEach((target) => this.#up.add(target));
        const { baked } = this;
        const isBad = baked.servers.some(({ verdict }) => verdict === 'bad');
        if (!isBad) {
            await this.#refuseOtherHands(targetsOf(seen).filter(({ now }) => isTakenOut(now)));
        }
        seen.forEach((backend) => this.#last.set(backend, backend.servers));
        this.#context.observer.onBakeLook(baked);
        if (isBad || this.down.length > 0) {
            return 'met';
        }
        if (!this.#isOver) {
            return 'waiting';
        }
        this.#sayIfProlonged();
        return this.notUp.length === 0 ? 'met' : 'waiting';
    }
    async confirm() {
        const changes = await settleAll(instancesOf(this.#backends), async (instance) => {
            const change = await this.#recheck(instance);
            if (isReload(change)) {
                this.#beginAnew(instance, reloadAt(instance.name, change));
            }
            return change;
        });
        return !changes.some(isReload);
    }
    get #elapsedMs() {
        return this.#context.clock.now() - this.#window.beganAt;
    }
    get #isOver() {
        return this.#elapsedMs >= this.#options.bakeMs;
    }
    #sayIfProlonged() {
        if (this.notUp.length > 0 && !this.#isProlonged) {
            this.#isProlonged = true;
            this.#context.log.info(watchGoesOn(this.notUp));
        }
    }
    async #refuseOtherHands(lost) {
        const [first] = lost;
        if (first !== undefined) {
            const { instance } = first.backend;
            const here = lost.filter(({ backend }) => backend.instance === instance);
            throw changedByOthers(here, await this.#recheck(instance));
        }
    }
    async #hasBegunAnew(seen) {
        const first = seen.filter((backend) => this.#unseen.delete(backend));
        let isAnew = first.length > 0;
        if (isAnew) {
            this.#openWindow();
        }
        const measured = seen.filter((backend) => !first.includes(backend));
        for (const instance of instancesOf(measured)) {
            const why = await this.#whyAnew(instance, measured.filter((backend) => backend.instance === instance));
            if (why !== undefined) {
                this.#beginAnew(instance, why);
                isAnew = true;
            }
        }
        return isAnew;
    }
    async #whyAnew(instance, seen) {
        const signs = seen.map((backend) => signOf(this.#last.get(backend) ?? backend.servers, backend.servers));
        if (signs.every((sign) => sign === 'none')) {
            return undefined;
        }
        const change = await this.#recheck(instance);
        if (isReload(change)) {
            return reloadAt(instance.name, change);
        }
        return signs.includes('counters') ? countersClearedAt(instance.name) : undefined;
    }
    #beginAnew(instance, why) {
        this.#context.log.warning(...watchedAnew(why, this.#options.bakeMs));
        this.#backends
            .filter((backend) => backend.instance === instance)
            .forEach((backend) => this.#unseen.add(backend));
        this.#openWindow();
    }
    #openWindow() {
        this.#window = new BakeWindow(this.#backends, this.#context.clock.now());
        this.#up.clear();
        this.#isProlonged = false;
    }
    #recheck(instance) {
        return instance.recheck({ signal: this.#context.cancelled });
    }
}
function isTakenOut(server) {
    const shown = shownAdminState(server);
    return (shown === 'maint' || shown === 'drain') && !isUnresolved(server);
}
function isDown(server) {
    return server.word === 'DOWN' || server.word === 'NOLB' || isUnresolved(server);
}
function signOf(before, now) {
    const pairs = now.flatMap((server) => {
        const was = before.find(({ name }) => name === server.name);
        return was === undefined ? [] : [[was, server]];
    });
    if (pairs.some(([was, is]) => haveFallen(was.counters, is.counters))) {
        return 'counters';
    }
    return pairs.some(([was, is]) => (is.secondsInState ?? 0) < (was.secondsInState ?? 0))
        ? 'time'
        : 'none';
}

;// CONCATENATED MODULE: ./src/rotation/followers.ts


function withFollowers(instance, backends, snapshot) {
    const targets = backends.flatMap((backend) => backend.targets.map(({ before }) => before));
    const followers = findFollowers(targets, snapshot.servers);
    const names = new Set([...targets, ...followers].map(({ backend }) => backend));
    const namesOf = (servers, name) => servers.filter(({ backend }) => backend === name).map((server) => server.name);
    return {
        backends: [...names].map((name) => {
            const ofBackend = { targets: namesOf(targets, name), followers: namesOf(followers, name) };
            return new Backend(instance, name, ofBackend, snapshot);
        }),
        shared: sharedAddresses(instance, snapshot, targets, (server) => targets.includes(server) || followers.includes(server))
    };
}
function findFollowers(leaders, all) {
    const leaving = new Set(leaders);
    for (;;) {
        const names = new Set([...leaving].map(({ backend, name }) => `${backend}/${name}`));
        const more = all.filter((server) => server.tracked !== undefined && names.has(server.tracked) && !leaving.has(server));
        if (more.length === 0) {
            return [...leaving].filter((server) => !leaders.includes(server));
        }
        more.forEach((server) => leaving.add(server));
    }
}

;// CONCATENATED MODULE: ./src/rotation/min-up.ts

function requiredIn(backend, minUp) {
    switch (minUp) {
        case 'all':
            return Math.max(1, countOf(backend.others));
        default:
            return typeof minUp === 'number'
                ? minUp
                : Math.ceil((countOf(backend.servers) * Number.parseInt(minUp)) / 100);
    }
}
function canBeMet(backend, minUp) {
    return countOf(backend.others) >= requiredIn(backend, minUp);
}
function requirementOf(backend, minUp) {
    const required = String(requiredIn(backend, minUp));
    switch (minUp) {
        case 'all':
            return `${required} (all others)`;
        default:
            return typeof minUp === 'number'
                ? required
                : `${required} (${minUp} of ${countOf(backend.servers)})`;
    }
}
function countOf(servers) {
    return servers.filter((server) => !isUnresolved(server)).length;
}

;// CONCATENATED MODULE: ./src/rotation/guard.ts






function backendsAtStake(backends) {
    return backends.filter(({ targets, followers }) => [...targets, ...followers].some(({ before }) => takesTraffic(before)));
}
function shortOf(backends, minUp) {
    return backends.filter((backend) => servingIn(backend).length < requiredIn(backend, minUp));
}
function guard(backends, minUp) {
    const short = shortOf(backends, minUp);
    if (short.length > 0) {
        throw tooFewServe(short, minUp);
    }
}
function tooFewServe(short, minUp) {
    const reasons = short.map((backend) => whyRefused(backend, minUp)).join(' ');
    return new HaproxyError('guard-refused', reasons, {
        ...(!short.every((backend) => canBeMet(backend, minUp)) && {
            advice: 'Add a server, or name fewer at a time.'
        })
    });
}
function whyNeeded({ now, backend }, minUp) {
    const short = takesTraffic(now) ? shortOf([backend], minUp) : [];
    return short.length > 0 ? tooFewServe(short, minUp).message : undefined;
}
function servingIn(backend) {
    return backend.others.filter((server) => isUp(server) || isYetToBeChecked(server, backend));
}
function notServingIn(backend) {
    const serving = servingIn(backend);
    return backend.others.filter((server) => !serving.includes(server));
}
function whyRefused(backend, minUp) {
    const leaving = [...backend.targets, ...backend.followers].map(({ before }) => before.name);
    const serving = servingIn(backend);
    const counted = serving.length > 0 ? ` (${serving.map(({ name }) => name).join(', ')})` : '';
    const not = notServingIn(backend).map(whyNotServing);
    return (`Without ${leaving.join(', ')} the backend ${backend.fullName} would have ` +
        `${count(serving.length, 'serving server')}${counted}, and needs ${requirementOf(backend, minUp)}; ` +
        (not.length > 0
            ? `not counted: ${not.join(', ')}.`
            : `it has no ${serving.length > 0 ? 'further' : 'other'} servers.`));
}
function isYetToBeChecked(server, { instance, seenAt }) {
    const { unchecked, throttle, secondsInState } = server;
    if (instance.process === undefined || secondsInState === undefined) {
        return false;
    }
    const uptime = seenAt - instance.process.startedAt;
    const isSinceStart = uptime - secondsInState * 1_000 <= ROUNDING_MS;
    return takesTraffic(server) && throttle === undefined && unchecked && isSinceStart;
}
function whyNotServing({ name, status, word, weight, throttle, secondsInState }) {
    const weightNow = weight === 0 ? ', weight 0' : throttle === undefined ? '' : `, ${throttle} % of its weight`;
    const isTimed = secondsInState !== undefined && secondsInState > 0 && (word === 'DOWN' || word === 'MAINT');
    const time = isTimed ? ` for ${formatDuration(secondsInState * 1_000)}` : '';
    return `${name} (${status}${time}${weightNow})`;
}

;// CONCATENATED MODULE: ./src/rotation/request.ts







async function request(state, targets, context, why) {
    if (targets.length > 0) {
        context.log.info(askingFor(state, targets, why));
    }
    await forEachBackend(targets, (backend, group) => retry(() => backend.request(state, group, { signal: context.over }), context));
}
async function forEachBackend(targets, work) {
    const groups = Map.groupBy(targets, ({ backend }) => backend);
    await settleAll([...groups], ([backend, group]) => work(backend, group));
}
async function lookAgain(backends, context) {
    const limits = { signal: context.cancelled };
    await settleAll(backends.toReversed(), (backend) => retry(() => backend.look(limits), context));
}
function refuseIfNotHeld(targets) {
    const broken = targets.filter(({ now, change: { state } }) => !hasHeld(now, state));
    if (broken.length === 0) {
        return;
    }
    const seen = broken.map((target) => `${target.fullName} was asked for ${target.change.state ?? 'nothing'} and is ${seenAs(target)}`);
    const leader = broken.find(({ now }) => now.tracked !== undefined)?.now.tracked;
    throw new HaproxyError('did-not-hold', `The admin state did not hold: ${seen.join('; ')}.`, {
        ...(leader !== undefined && {
            advice: `It follows ${leader} (track): name that server instead.`
        })
    });
}
function hasHeld(now, state) {
    return state === undefined || (state === 'ready' ? canBe(now, state) : isOut(now, state));
}
async function refuseIfOnlyHere(targets, isAlike, context, what = 'the change') {
    await settleAll(backendsOf(targets), async ({ instance, name, targets: all }) => {
        const mine = all.filter((target) => targets.includes(target)).map(({ before }) => before.name);
        const differing = await settleAll(instance.otherAddresses, async (address) => {
            const page = instance.page.at(address);
            const { servers } = await retry(() => page.look({ signal: context.cancelled }, name), context);
            const there = servers.filter((server) => server.backend === name);
            const alike = mine.filter((server) => there.some((other) => other.name === server && isAlike(other)));
            return alike.length < mine.length ? [address] : [];
        });
        if (differing.flat().length > 0) {
            throw new HaproxyError('several-haproxies', `The host of ${instance.name} has several addresses, and they are several HAProxies: ${what} at ` +
                `${instance.page.address ?? ''} does not show at ${differing.flat().join(', ')}.`);
        }
    });
}
async function refuseIfLost(targets, context) {
    try {
        refuseIfNotHeld(targets);
    }
    catch (error) {
        const lost = targets.filter(({ now, change }) => !canBe(now, change.state ?? 'ready'));
        await settleAll(instancesOf(backendsOf(lost)), (instance) => instance.refuseIfSeveral({ signal: context.cancelled }));
        throw error;
    }
}

;// CONCATENATED MODULE: ./src/rotation/rollback.ts








function isStillOurs({ now, change, backend }) {
    const { state, at, orElse } = change;
    const elapsedMs = backend.instance.elapsedSince(at, backend.seenAt);
    return [state, orElse].some((asked) => asked !== undefined && isAsLeft(now, asked, elapsedMs));
}
function wasNeverMade({ now, change, before, isKnown }) {
    const shown = shownAdminState(now);
    return (isKnown &&
        change.isUncertain === true &&
        shown !== undefined &&
        shown === shownAdminState(before));
}
async function rollBack(targets, context, areSeveral = false) {
    const lasting = { ...context, cancelled: context.over };
    const failures = new Map();
    const attempt = async (work) => {
        const backends = backendsOf(targets);
        const results = await Promise.allSettled(backends.map(work));
        results.forEach((result, index) => {
            const backend = backends[index];
            if (result.status === 'rejected' && backend !== undefined) {
                failures.set(backend, result.reason);
            }
        });
    };
    const limits = { signal: lasting.over };
    const look = (backend) => retry(() => backend.look(limits), lasting);
    await attempt(look);
    targets.filter(wasNeverMade).forEach((target) => {
        target.recordRollBack();
    });
    const ours = targets.filter((target) => areSeveral || !target.isKnown || isStillOurs(target));
    await attempt((backend) => rollBackIn(backend, ours, areSeveral, lasting));
    await attempt(look);
    const broken = ours.filter((target) => !isBack(target, failures.has(target.backend)));
    ours
        .filter((target) => !broken.includes(target))
        .forEach((target) => {
        target.recordRollBack();
    });
    if (broken.length > 0) {
        const seen = broken.map((target) => `${target.fullName} is ${target.isKnown ? '' : 'perhaps '}${seenAs(target)}`);
        const why = backendsOf(broken).flatMap((backend) => failures.get(backend)?.message ?? []);
        throw new HaproxyError('did-not-hold', `${seen.join('; ')}. ${[...new Set(why)].join(' ')}`.trim());
    }
}
async function rollBackIn(backend, targets, areSeveral, context) {
    const mine = targets.filter((target) => target.backend === backend);
    const limits = { signal: context.over };
    const groups = Map.groupBy(mine, ({ before }) => ownAdminState(before) ?? 'ready');
    await settleAll([...groups], async ([state, group]) => {
        context.log.info(rollingBack(state, group));
        await (state === 'ready'
            ? settleAll(group, (target) => backToReady(target, areSeveral, limits, context))
            : retry(() => backend.putBack(state, group, limits), context));
    });
}
const ROUNDS = 4;
async function backToReady(target, areSeveral, limits, context) {
    const { state, orElse } = target.change;
    const flags = [
        ...(state === 'maint' ? ['enable'] : []),
        ...(state !== 'maint' || orElse === 'drain' ? ['start'] : [])
    ];
    for (let round = 0; round < (areSeveral ? ROUNDS : 1); round += 1) {
        for (const flag of flags) {
            await retry(() => target.backend.undo(flag, target, limits), context);
        }
    }
}
function isBack({ before, now, isKnown }, hasFailed) {
    const isProven = !hasFailed || shownAdminState(now) !== undefined;
    return isKnown && isProven && canBe(now, shownBefore(before));
}
function shownBefore(before) {
    return shownAdminState(before) ?? 'ready';
}
async function allOrNothing(targets, context, work) {
    try {
        return await work();
    }
    catch (error) {
        if (!(error instanceof HaproxyError) || context.cancelled.aborted) {
            throw error;
        }
        throw await rollBackAfter(error, targets, context);
    }
}
async function rollBackAfter(failure, targets, context) {
    const changed = targets.filter(({ change }) => change.state !== undefined && !change.isRolledBack);
    if (changed.length === 0) {
        return failure;
    }
    const { problem, advice, message } = failure;
    try {
        await rollBack(changed, context, problem === 'several-haproxies');
    }
    catch (error) {
        const why = messageOf(error);
        return new HaproxyError(problem, `Not everything could be rolled back: ${why} The first failure: ${message}`, { advice: `Put these servers back by hand. ${advice}`.trim(), cause: error });
    }
    const kept = changed.filter(({ change }) => !change.isRolledBack);
    const left = kept.length > 0 ? ` Changed meanwhile, and left alone: ${namesOf(kept)}.` : '';
    const done = kept.length < changed.length ? ' What had changed was rolled back.' : '';
    return new HaproxyError(problem, `${message}${done}${left}`, { advice, cause: failure });
}

;// CONCATENATED MODULE: ./src/rotation/targets-to-take-out.ts


function targetsToTakeOut(backends, state) {
    return targetsOf(backends).filter(({ before }) => {
        const own = ownAdminState(before);
        return own !== state && own !== 'maint';
    });
}

;// CONCATENATED MODULE: ./src/rotation/claim.ts











async function claim(backends, minUp, context) {
    const targets = targetsToClaim(backends);
    try {
        await request('drain', targets, context);
        const isMine = await areEnough(backends, minUp, context, { targets, mayWait: isFirst });
        if (!isMine) {
            await withdraw(targets, context);
        }
        return isMine;
    }
    catch (error) {
        throw error instanceof HaproxyError ? await rollBackAfter(error, targets, context) : error;
    }
}
function targetsToClaim(backends) {
    return targetsToTakeOut(backends, 'drain').filter(({ before }) => takesTraffic(before));
}
async function withdraw(targets, context) {
    await settleAll(targets, async (target) => {
        await retry(() => target.backend.undo('start', target, { signal: context.over }), context);
        target.recordRollBack();
    });
}
async function othersWithdraw(backends, minUp, context) {
    await areEnough(backends, minUp, context, { targets: [], mayWait: () => true });
}
const WITHDRAWAL_MS = 3_000;
const PAUSE_MS = 100;
const FEW_LOOKS = 4;
const MIN_WITHDRAWAL_MS = 250;
async function areEnough(backends, minUp, context, { targets, mayWait }) {
    const { clock, cancelled } = context;
    const began = clock.now();
    let lookMs;
    for (;;) {
        const lookedAt = clock.now();
        await lookAgain(backends, context);
        lookMs ??= clock.now() - lookedAt;
        if (await isLost(targets, context)) {
            return false;
        }
        const short = shortOf(backendsAtStake(backends), minUp);
        const isHopeful = short.every((backend) => {
            const claimed = backend.others.filter(({ word }) => word === 'DRAIN');
            const wouldServe = servingIn(backend).length + claimed.length;
            return wouldServe >= requiredIn(backend, minUp) && mayWait(claimed, backend);
        });
        const nobodyServes = short.some((backend) => servingIn(backend).length === 0);
        const limitMs = nobodyServes ? Math.max(MIN_WITHDRAWAL_MS, FEW_LOOKS * lookMs) : WITHDRAWAL_MS;
        if (short.length === 0 ||
            !isHopeful ||
            clock.now() - began >= Math.min(limitMs, WITHDRAWAL_MS)) {
            return short.length === 0;
        }
        await clock.sleep(PAUSE_MS, cancelled);
    }
}
async function isLost(targets, context) {
    const lost = targets.filter(({ now }) => !canBe(now, 'drain'));
    const limits = { signal: context.cancelled };
    const groups = Map.groupBy(lost, ({ backend }) => backend.instance);
    await settleAll([...groups], async ([instance, mine]) => {
        const change = await instance.recheck(limits);
        if (!isReload(change)) {
            await instance.refuseIfSeveral(limits);
            throw changedByOthers(mine, change);
        }
    });
    return lost.length > 0;
}
function isFirst(claimed, { targets, followers }) {
    const ours = [...targets, ...followers].map(({ before }) => before.name);
    const [first] = [...ours, ...claimed.map(({ name }) => name)].sort();
    return ours.some((name) => name === first);
}

;// CONCATENATED MODULE: ./src/rotation/old-processes.ts


const EARLIER_START_MS = 1_000;
const RECENT_MS = 2_000;
const BETWEEN_ATTEMPTS_MS = 1_000;
class OldProcesses {
    instance;
    #hardStopAfterMs;
    #observations = [];
    #goneAt;
    #resetAt = -Infinity;
    #firstSeenAt;
    constructor(instance, hardStopAfterMs) {
        this.instance = instance;
        this.#hardStopAfterMs = hardStopAfterMs;
        this.#firstSeenAt = [instance.process?.firstSeenAt ?? -Infinity, -Infinity];
        this.#goneAt = this.#endOfThoseBefore(-Infinity);
    }
    get goneAt() {
        return this.#goneAt;
    }
    remember(observation) {
        this.#observations.push(observation);
    }
    countersReset(at) {
        this.#resetAt = at;
    }
    replaced(isKept) {
        const { startedAt = -Infinity, firstSeenAt = -Infinity } = this.instance.process ?? {};
        if (firstSeenAt !== this.#firstSeenAt[0]) {
            this.#firstSeenAt = [firstSeenAt, this.#firstSeenAt[0]];
        }
        const start = startedAt - EARLIER_START_MS;
        const from = this.#firstSeenAt[1];
        const to = this.#resetAt > from ? this.#resetAt : Infinity;
        const seen = this.#observations.filter(({ at }) => at >= from && at < to && at <= start);
        const last = seen.at(-1);
        const isRecent = last !== undefined && (isKept || last.at >= start - RECENT_MS);
        const isIdle = isRecent && idleFor(seen) >= BETWEEN_ATTEMPTS_MS;
        if (!isIdle) {
            this.#goneAt = Math.max(this.#goneAt, this.#endOfThoseBefore(Infinity));
        }
        return !isIdle;
    }
    #endOfThoseBefore(unknown) {
        const { process } = this.instance;
        return this.#hardStopAfterMs === undefined || process === undefined
            ? unknown
            : this.instance.oldProcessesGoneAt(process, this.#hardStopAfterMs);
    }
}
function refuseIfOldProcessOutlasts(instances, { wait: { timeoutMs }, hardStopAfterMs }) {
    const remaining = instances.map((instance) => {
        const goneAt = new OldProcesses(instance, hardStopAfterMs).goneAt;
        return { name: instance.name, remainingMs: goneAt - instance.clock.now() };
    });
    const tooLong = remaining.filter(({ remainingMs }) => remainingMs > timeoutMs);
    if (tooLong.length > 0) {
        const seen = tooLong.map(({ name, remainingMs }) => `a process from before a reload may live on for ${formatDuration(remainingMs)} at ${name}`);
        throw new HaproxyError('old-process', `A wait of ${formatDuration(timeoutMs)} could not end well: ${seen.join('; ')}.`);
    }
}
function idleFor(observations) {
    const idle = observations.slice(observations.findLastIndex(({ isIdle }) => !isIdle) + 1);
    return (idle.at(-1)?.at ?? 0) - (idle[0]?.at ?? Infinity);
}

;// CONCATENATED MODULE: ./src/rotation/draining.ts









class Draining {
    #backends;
    #options;
    #context;
    #old;
    #unclear = new Set();
    #reloaded = new Map();
    #announced = new Set();
    #heldAt = new Map();
    #judged = 0;
    #saidUntil = -Infinity;
    constructor(backends, options, context) {
        this.#backends = backends;
        this.#options = options;
        this.#context = context;
        this.#old = new Map(instancesOf(backends).map((instance) => [
            instance,
            new OldProcesses(instance, options.hardStopAfterMs)
        ]));
    }
    get unclear() {
        return [...this.#unclear];
    }
    get withOldProcess() {
        const now = this.#context.clock.now();
        return [...this.#old.values()].filter(({ goneAt }) => goneAt > now).map((old) => old.instance);
    }
    get left() {
        return [...targetsOf(this.#backends), ...followersOf(this.#backends)].filter((target) => !this.#hasDrained(target));
    }
    async judge(seen) {
        this.#judged += 1;
        this.#remember(seen);
        const lost = targetsOf(seen).filter(({ now }) => !isOut(now, this.#options.state));
        if (lost.length > 0) {
            const groups = Map.groupBy(lost, ({ backend }) => backend.instance);
            await settleAll([...groups], ([instance, targets]) => this.#onLost(instance, targets));
            return 'acted';
        }
        this.#announceNewSessions();
        return this.left.length === 0 && this.#areOldOnesGone() ? 'met' : 'waiting';
    }
    async confirm() {
        const changes = await settleAll([...this.#old.keys()], async (instance) => {
            const change = await this.#recheck(instance);
            if (this.#reloaded.has(instance)) {
                await this.#onReload(instance, change);
            }
            return change;
        });
        return changes.every((change) => change === 'same' || change === 'unknown');
    }
    async #onLost(instance, lost) {
        const change = await this.#recheck(instance);
        if (!this.#reloaded.has(instance)) {
            throw changedByOthers(lost, change);
        }
        await this.#onReload(instance, change);
    }
    async #recheck(instance) {
        const change = await instance.recheck({ signal: this.#context.cancelled });
        if (change === 'unclear') {
            this.#unclear.add(instance);
        }
        if (isReload(change)) {
            this.#reloaded.set(instance, change);
        }
        return change;
    }
    async #onReload(instance, change) {
        const { state, minUp } = this.#options;
        const backends = this.#backends.filter((backend) => backend.instance === instance);
        await lookAgain(backends, this.#context);
        const forgotten = targetsOf(backends).filter(({ now }) => !isOut(now, state) || shownAdminState(now) === undefined);
        const lost = forgotten.filter(({ now }) => !isOut(now, state));
        const byOthers = notLostByReload(lost, this.#heldAt);
        if (byOthers.length > 0) {
            throw changedByOthers(byOthers, change);
        }
        const left = this.#leftOnOldProcess(instance, forgotten.length === 0);
        this.#context.log.warning(...reloaded(reloadAt(instance.name, change), lost, left));
        if (lost.length > 0) {
            guard(backendsAtStake(backends), minUp);
        }
        await request(state, forgotten, this.#context);
        this.#reloaded.delete(instance);
    }
    #leftOnOldProcess(instance, isKept) {
        if (this.#reloaded.get(instance) === 'unclear') {
            return SESSIONS_UNKNOWN;
        }
        return this.#old.get(instance)?.replaced(isKept) === true
            ? SESSIONS_MAY_REMAIN
            : NO_SESSION_WAS_LEFT;
    }
    #remember(seen) {
        targetsOf(seen)
            .filter(({ now }) => isOut(now, this.#options.state))
            .forEach((target) => this.#heldAt.set(target, target.backend.seenAt));
        for (const [instance, old] of this.#old) {
            const backends = this.#backends.filter((backend) => backend.instance === instance);
            if (backends.every((backend) => seen.includes(backend))) {
                const [targets, followers] = [targetsOf(backends), followersOf(backends)];
                const isIdle = targets.every(({ now }) => isOut(now, 'maint')) &&
                    [...targets, ...followers].every(({ now, newSessions }) => isDrained(now, 0) && newSessions <= 0);
                const at = Math.min(...backends.map(({ seenAt }) => seenAt));
                old.remember({ at, isIdle });
                if ([...targets, ...followers].some(({ newSessions }) => newSessions < 0)) {
                    old.countersReset(at);
                }
            }
        }
    }
    #hasDrained({ now, newSessions }) {
        const { maxSessions } = this.#options;
        return isDrained(now, maxSessions) && (maxSessions > 0 || newSessions === 0);
    }
    #areOldOnesGone() {
        const { clock, log } = this.#context;
        const goneAt = Math.max(...[...this.#old.values()].map((old) => old.goneAt));
        const remainingMs = goneAt - clock.now();
        const areGone = remainingMs <= 0;
        if (!areGone && goneAt > this.#saidUntil) {
            this.#saidUntil = goneAt;
            log.info(waitingForOldProcess(remainingMs));
        }
        return areGone;
    }
    #announceNewSessions() {
        if (this.#judged === 1 || this.#options.maxSessions > 0) {
            return;
        }
        for (const target of targetsOf(this.#backends)) {
            if (isDrained(target.now, 0) && target.newSessions > 0 && !this.#announced.has(target)) {
                this.#announced.add(target);
                this.#context.log.info(newSessionsKeepComing(target));
            }
        }
    }
}

;// CONCATENATED MODULE: ./src/rotation/proof.ts



const LONG_AGO_MS = 3_600_000;
function proofOf(backends, evidence) {
    const { shared, maxSessions, settledMs } = evidence;
    return {
        doubts: doubtsOf(backends, evidence),
        facts: [
            { kind: 'idle', forMs: settledMs, maxSessions },
            ...instancesOf(backends).flatMap((instance) => processFact(instance, evidence)),
            { kind: 'addresses', shared },
            ...backendsAtStake(backends).map(servingFact)
        ]
    };
}
function doubtsOf(backends, evidence) {
    const { shared, unclear, minUp, maxSessions } = evidence;
    const instances = instancesOf(backends);
    const unknown = instances.filter(({ showsProcess }) => !showsProcess);
    const atSame = atSameAddress(shared);
    const young = instances.filter((instance) => isYoung(instance, evidence));
    const withAgent = targetsOf(backends).filter(({ now }) => now.hasAgent);
    const short = shortOf(backendsAtStake(backends), minUp);
    return [
        ...(unknown.length > 0 ? [{ kind: 'process unknown', instances: unknown }] : []),
        ...(unclear.length > 0 ? [{ kind: 'process unclear', instances: unclear }] : []),
        ...(young.length > 0 ? [{ kind: 'young process', instances: young }] : []),
        ...(atSame.length > 0 ? [{ kind: 'same address', others: atSame }] : []),
        ...(shared.unknown.length > 0 ? [{ kind: 'same name', others: shared.unknown }] : []),
        ...(withAgent.length > 0 ? [{ kind: 'agent check', targets: withAgent }] : []),
        ...(short.length > 0
            ? [{ kind: 'too few serve', backends: short.map(({ fullName }) => fullName) }]
            : []),
        ...(maxSessions > 0 ? [{ kind: 'max sessions' }] : [])
    ];
}
function isYoung({ firstProcess }, { hardStopAfterMs }) {
    return (hardStopAfterMs === undefined &&
        firstProcess !== undefined &&
        firstProcess.firstSeenAt - firstProcess.startedAt < LONG_AGO_MS);
}
function processFact(instance, evidence) {
    const { process, showsProcess, clock } = instance;
    if (process === undefined || !showsProcess) {
        return [];
    }
    const ageMs = clock.now() - process.startedAt;
    return [
        { kind: 'process', instance, pid: process.pid, ageMs, older: olderThan(instance, evidence) }
    ];
}
function olderThan(instance, evidence) {
    const { hardStopAfterMs } = evidence;
    if (hardStopAfterMs !== undefined) {
        return { kind: 'gone', hardStopAfterMs };
    }
    if (isYoung(instance, evidence)) {
        return { kind: 'may remain' };
    }
    const isReloaded = instance.process?.firstSeenAt !== instance.firstProcess?.firstSeenAt;
    return { kind: isReloaded ? 'was idle' : 'assumed gone' };
}
function servingFact(backend) {
    const servers = servingIn(backend).map(({ name }) => name);
    return { kind: 'serving', backend: backend.fullName, servers };
}

;// CONCATENATED MODULE: ./src/rotation/wait.ts


function whyNotMet(seen, { failure }) {
    if (failure !== undefined) {
        return `the last look failed. ${failure.message}`;
    }
    return `${seen.length > 0 ? seen.join('; ') : 'the condition held, but not for the whole settle time'}.`;
}
const FIRST_PAUSE_MS = 100;
const PAUSE_SHARE = 0.1;
const MAX_PAUSE_MS = 10_000;
async function waitUntil(wait, context) {
    const { backends, options, condition, onLook } = wait;
    const { clock, cancelled } = context;
    const started = clock.now();
    const deadline = started + options.timeoutMs;
    const poller = new Poller(backends, context);
    let lookedAt = started;
    let seenAt = started;
    let metSince;
    let unconfirmed;
    for (;;) {
        onLook(clock.now() - started, Math.max(0, deadline - clock.now()));
        const progress = await poller.try(() => condition.judge(poller.seen), deadline);
        const settledMs = metSince === undefined ? 0 : lookedAt - metSince;
        if (progress !== 'met' || poller.failure !== undefined) {
            metSince = undefined;
            unconfirmed = undefined;
        }
        else if (metSince === undefined) {
            metSince = seenAt;
        }
        else if (settledMs >= options.settleMs) {
            if ((await poller.try(() => condition.confirm(), deadline)) === true) {
                return { met: true, elapsedMs: clock.now() - started, settledMs, failure: undefined };
            }
            metSince = undefined;
            unconfirmed = poller.failure;
        }
        if (lookedAt >= deadline) {
            const failure = poller.failure ?? unconfirmed;
            return { met: false, elapsedMs: clock.now() - started, settledMs, failure };
        }
        const elapsed = progress === 'acted' ? 0 : lookedAt - started;
        const next = Math.min(lookedAt + poller.backOff(pauseAfter(elapsed, options), options), metSince === undefined ? Infinity : metSince + options.settleMs, deadline);
        await clock.sleep(next - clock.now(), cancelled);
        lookedAt = clock.now();
        await poller.look(deadline);
        seenAt = clock.now();
    }
}
function pauseAfter(elapsedMs, { pollMs, isSteady }) {
    return isSteady ? pollMs : Math.min(pollMs, Math.max(FIRST_PAUSE_MS, elapsedMs * PAUSE_SHARE));
}
const FATAL = new Set(['several-processes', ...SHUT_OUT]);
const MIN_LOOK_MS = 1_000;
class Poller {
    get seen() {
        return this.#seen;
    }
    get failure() {
        return this.#failures[0];
    }
    #backends;
    #context;
    #order;
    #seen;
    #failures = [];
    #failed = 0;
    #said = new Set();
    constructor(backends, context) {
        this.#backends = backends;
        this.#order = backends;
        this.#seen = backends;
        this.#context = context;
    }
    backOff(pauseMs, { pollMs }) {
        return this.#failed === 0
            ? pauseMs
            : Math.min(Math.max(pauseMs, FIRST_PAUSE_MS) * 2 ** this.#failed, Math.max(pollMs, MAX_PAUSE_MS));
    }
    async look(deadline) {
        const { clock, cancelled } = this.#context;
        const timeoutMs = Math.max(MIN_LOOK_MS, deadline - clock.now());
        const order = this.#order;
        this.#order = order.toReversed();
        const looks = await Promise.allSettled(order.map((backend) => backend.look({ signal: cancelled, timeoutMs })));
        cancelled.throwIfAborted();
        const seen = order.filter((_, index) => looks[index]?.status === 'fulfilled');
        this.#seen = this.#backends.filter((backend) => seen.includes(backend));
        this.#failures = looks.flatMap((look) => {
            if (look.status === 'fulfilled') {
                return [];
            }
            if (!(look.reason instanceof HaproxyError) || FATAL.has(look.reason.problem)) {
                throw look.reason;
            }
            return [look.reason];
        });
    }
    async try(question, deadline) {
        try {
            const answer = await question();
            this.#note(this.#failures, deadline);
            return answer;
        }
        catch (error) {
            if (!(error instanceof HaproxyError) || !error.transient) {
                throw error;
            }
            this.#note([error], deadline);
            return undefined;
        }
    }
    #note(failures, deadline) {
        const { log, clock } = this.#context;
        const remainingMs = deadline - clock.now();
        const messages = new Set(failures.map(({ message }) => message));
        for (const message of messages) {
            if (!this.#said.has(message) && remainingMs > 0) {
                log.info(retryingFor(message, remainingMs));
            }
        }
        if (this.#said.size > 0 && messages.size === 0) {
            log.info(READABLE_AGAIN);
        }
        this.#said = messages;
        this.#failures = failures;
        this.#failed = failures.length > 0 ? this.#failed + 1 : 0;
    }
}

;// CONCATENATED MODULE: ./src/rotation/drained.ts













async function waitUntilDrained(backends, options, context) {
    const condition = new Draining(backends, options, context);
    const { onLook } = context.observer;
    const wait = { backends, options: options.wait, condition, onLook };
    const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context));
    if (result.met) {
        return proven(backends, { options, condition, result }, context);
    }
    const failure = notDrained(condition, options, result);
    const { onTimeout, state } = options;
    if (onTimeout === 'restore') {
        throw await rollBackAfter(failure, targetsOf(backends), context);
    }
    const areOut = targetsOf(backends).every(({ now, isKnown }) => isKnown && isOut(now, state));
    const busy = condition.left.filter(({ now }) => !isDrained(now, options.maxSessions));
    if (onTimeout === 'fail' || !areOut || (onTimeout === 'shutdown' && busy.length === 0)) {
        throw failure;
    }
    context.log.warning(...notDrainedInTime(failure.message));
    if (onTimeout === 'continue') {
        return { kind: 'not drained' };
    }
    return waitAfterKill(backends, busy, { options, condition, result }, context);
}
async function proven(backends, { options, condition: { unclear }, result: { settledMs } }, context) {
    if (options.state === 'maint') {
        await refuseIfLeftElsewhere(backends, options, context);
    }
    const proof = proofOf(backends, { ...options, unclear, settledMs });
    const isSafe = options.state === 'maint' && proof.doubts.length === 0;
    return { kind: isSafe ? 'safe to stop' : 'drained', proof };
}
async function refuseIfLeftElsewhere(backends, { maxSessions }, context) {
    const limits = { signal: context.cancelled };
    const isAlike = (server) => isDrained(server, maxSessions);
    await refuseIfOnlyHere(targetsOf(backends), isAlike, context, 'the end of the sessions');
    await settleAll(instancesOf(backends), (instance) => retry(() => instance.refuseIfOthersAnswer(limits), context));
}
const AFTER_KILL_MS = 5_000;
async function waitAfterKill(backends, busy, { options, condition, result: before }, context) {
    context.log.info(killingSessions(busy));
    await forEachBackend(busy, (backend, targets) => backend.command('shutdown', targets, { signal: context.over }));
    const { settleMs, pollMs } = options.wait;
    const again = { ...options.wait, timeoutMs: AFTER_KILL_MS + settleMs + 2 * pollMs };
    const wait = {
        backends,
        options: again,
        condition,
        onLook: (moreMs, remainingMs) => {
            context.observer.onLook(before.elapsedMs + moreMs, remainingMs);
        }
    };
    const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context));
    if (!result.met) {
        const { problem, message, advice } = notDrained(condition, { ...options, wait: again }, result);
        throw new HaproxyError(problem, `After the sessions were killed: ${message}`, { advice });
    }
    return proven(backends, { options, condition, result }, context);
}
function notDrained(condition, { wait, state }, result) {
    const { left, withOldProcess } = condition;
    const seen = left.map((target) => {
        const { newSessions, fullName } = target;
        const visits = newSessions > 0 ? `, and ${count(newSessions, 'new session')} came to it` : '';
        return `${fullName} is ${seenAs(target)}${visits}`;
    });
    const old = withOldProcess.map(({ name }) => `a process from before a reload may still hold sessions at ${name}`);
    const pinned = state === 'drain'
        ? 'Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
        : left.some(({ newSessions }) => newSessions > 0)
            ? '`option persist` or `force-persist` in haproxy.cfg sends pinned clients even to a server in maint.'
            : '';
    const message = `Not drained within ${formatDuration(wait.timeoutMs)}: ${whyNotMet([...seen, ...old], result)}`;
    return seen.length === 0 && old.length > 0
        ? new HaproxyError('old-process', message)
        : new HaproxyError('not-drained', message, {
            advice: result.failure?.advice ?? pinned,
            cause: result.failure
        });
}

;// CONCATENATED MODULE: ./src/rotation/take-out.ts








async function takeOut(backends, options, context) {
    context.cancelled.throwIfAborted();
    const { state, minUp } = options;
    const targets = targetsToTakeOut(backends, state);
    await allOrNothing(targets, context, async () => {
        const asked = targets.filter(({ change }) => change.state !== state);
        await request(state, asked, context);
        if (asked.length > 0) {
            await lookAgain(backends, context);
        }
        await refuseIfLost(targets, context);
        await refuseIfOnlyHere(targetsOf(backends), (server) => isOut(server, state), context);
        if (options.isClaimed) {
            await othersWithdraw(backends, minUp, context);
        }
        guard(backendsAtStake(backends), minUp);
    });
    return options.isAwaited ? waitUntilDrained(backends, options, context) : { kind: 'requested' };
}

;// CONCATENATED MODULE: ./src/rotation/bake-out.ts














async function takeBadOut(bad, options, context) {
    const troubles = [];
    let taken = [];
    let outcome;
    let failure;
    try {
        const seen = await lookAtAll(bad, context);
        for (const [, group] of Map.groupBy(bad, ({ name }) => name)) {
            const trouble = whyKept(leaving([...taken, ...group], seen), group, options);
            taken = trouble === undefined ? [...taken, ...group] : taken;
            troubles.push(...(trouble === undefined ? [] : [trouble]));
        }
        if (taken.length > 0) {
            outcome = await takeThemOut(taken, leaving(taken, seen), options, context);
        }
    }
    catch (error) {
        if (!(error instanceof HaproxyError)) {
            throw error;
        }
        failure = error;
    }
    await lookAgain(backendsOf(bad), { ...context, cancelled: context.over }).catch(() => undefined);
    return failure === undefined
        ? leftByProof(outcome, taken, troubles)
        : leftByFailure(failure, taken, troubles);
}
function leftByProof(outcome, taken, troubles) {
    const changed = taken.filter(({ isKnown, now }) => isKnown && !isOut(now, 'maint'));
    const said = changed.length > 0
        ? [`Changed since, by somebody else or by a reload: ${namesOf(changed)}.`]
        : [];
    return {
        taken: taken.filter((target) => !changed.includes(target)),
        outcome,
        troubles: [...troubles, ...said]
    };
}
function leftByFailure(failure, taken, troubles) {
    const out = taken.filter(({ now }) => isTakenOut(now));
    const kept = taken.filter((target) => target.isKnown && !out.includes(target) && takesTraffic(target.now));
    const left = kept.length > 0 ? [`Left in rotation: ${namesOf(kept)}.`] : [];
    return {
        taken: out,
        outcome: undefined,
        troubles: [...troubles, ...left, `${failure.message} ${failure.advice}`.trimEnd()]
    };
}
async function takeThemOut(taken, { backends, shared }, options, context) {
    const { onTimeout } = options;
    const takeOutOptions = {
        ...options,
        state: 'maint',
        isAwaited: true,
        isClaimed: false,
        shared,
        onTimeout: onTimeout === 'restore' ? 'fail' : onTimeout
    };
    context.log.info(takingOutAgain(taken));
    try {
        const onLook = context.observer.onBadTakeOut(targetsOf(backends));
        const observer = { ...context.observer, onLook };
        return await takeOut(backends, takeOutOptions, { ...context, observer });
    }
    finally {
        recordTakenOut(taken, targetsOf(backends));
    }
}
function recordTakenOut(targets, asked) {
    for (const target of targets) {
        const change = asked.find(({ fullName }) => fullName === target.fullName)?.change;
        if (change?.state !== undefined && !change.isRolledBack) {
            target.recordRequest(change.state, change.at, change.isUncertain);
        }
    }
}
async function lookAtAll(targets, context) {
    const limits = { signal: context.cancelled };
    const looks = await settleAll(instancesOf(backendsOf(targets)), async (instance) => {
        await retry(() => instance.identify(limits), context);
        return [instance, await retry(() => instance.page.look(limits), context)];
    });
    return new Map(looks);
}
function leaving(targets, seen) {
    const parts = [...seen].map(([instance, snapshot]) => {
        const mine = targets.filter(({ backend }) => backend.instance === instance);
        const backends = backendsOf(mine).map(({ name }) => {
            const names = mine.filter(({ backend }) => backend.name === name);
            return new Backend(instance, name, { targets: names.map(({ before }) => before.name) }, snapshot);
        });
        return withFollowers(instance, backends, snapshot);
    });
    return {
        backends: parts.flatMap(({ backends }) => backends),
        shared: onAllPages(parts.map(({ shared }) => shared))
    };
}
function whyKept({ backends }, group, { minUp }) {
    const lost = targetsOf(backends).filter(({ now }) => isTakenOut(now));
    try {
        if (lost.length > 0) {
            throw changedByOthers(lost, 'same');
        }
        guard(backends, minUp);
        return undefined;
    }
    catch (error) {
        if (error instanceof HaproxyError) {
            const left = group.some(({ now }) => takesTraffic(now)) ? 'Left in rotation' : 'Left as it is';
            const isKept = error.problem === 'guard-refused';
            return `${isKept ? `${left}: ${namesOf(group)}. ` : ''}${error.message}`;
        }
        throw error;
    }
}

;// CONCATENATED MODULE: ./src/rotation/bake-traffic-words.ts


const REASONS = {
    serverErrors: (number) => `${number} answered with 5xx`,
    brokenAnswers: (number) => `${number} broken off or timed out`,
    refusedConnections: (number) => `${number} without a connection`,
    redispatches: (number) => `${number} sent on to another server`,
    unanswered: (number) => `${number} unanswered for 10s`
};
function trafficInWords({ traffic, neighbours }) {
    const reasons = Object.entries(REASONS)
        .filter(([reason]) => traffic.reasons[reason] > 0)
        .map(([reason, say]) => say(grouped(traffic.reasons[reason])));
    const kinds = reasons.length > 0 ? `: ${reasons.join(', ')}` : '';
    const share = traffic.failed > 0 ? ` (${rateInWords(traffic)}${kinds})` : '';
    const requests = count(traffic.requests, 'request').replace(/^\d+/, grouped(traffic.requests));
    const others = neighbours.requests > 0
        ? `neighbours ${rateInWords(neighbours)}`
        : 'neighbours without requests';
    return `${requests}, ${grouped(traffic.failed)} failed${share}, ${others}`;
}
function grouped(number) {
    return number.toLocaleString('en-US');
}
function rateInWords(load) {
    const value = errorRate(load) * 100;
    return `${Number(value.toPrecision(value < 1 ? 1 : 2))} %`;
}

;// CONCATENATED MODULE: external "node:timers/promises"
const promises_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:timers/promises");
;// CONCATENATED MODULE: ./src/rotation/context.ts

const systemClock = {
    now: () => performance.now(),
    sleep: (ms, signal) => (0,promises_namespaceObject.setTimeout)(Math.max(0, Math.ceil(ms) + 1), undefined, { signal }).catch(() => {
        signal.throwIfAborted();
    })
};
const nothing = () => undefined;
const NO_OBSERVER = {
    onLook: nothing,
    onBakeLook: nothing,
    onBadTakeOut: () => nothing
};
const HEARTBEAT_MS = 30_000;

;// CONCATENATED MODULE: ./src/rotation/not-up.ts





function notReleased(stages, timeoutMs) {
    const seen = stages.pending.map((target) => {
        const checking = target.now.checking ? ', and a health check of it is running' : '';
        return `${target.fullName} is ${seenAs(target)}${checking}${whyBlocked(target, stages)}`;
    });
    const message = `Not released within ${formatDuration(timeoutMs)}: ${seen.join('; ')}.`;
    return new HaproxyError('not-up', message);
}
function whyBlocked(target, { blocked }) {
    const why = blocked.get(target);
    return why === undefined ? '' : `, and a reload put it into rotation unchecked (${why})`;
}
const TRY_AGAIN = 'Look at the application and its health check, then ask for ready again.';
function notUp(stages, { wait: { timeoutMs }, onTimeout }, result) {
    const down = stages.targets.filter((target) => !stages.isBack(target) || stages.blocked.has(target));
    const seen = down.map((target) => `${notUpInWords(target)}${whyBlocked(target, stages)}`);
    const released = down.filter(({ change, now }) => change.state === 'ready' && shownAdminState(now) === undefined);
    const advice = released.length > 0 && onTimeout !== 'restore'
        ? `HAProxy brings ${namesOf(released)} up by itself once its health check passes; to keep it out, ask for maint.`
        : TRY_AGAIN;
    return new HaproxyError('not-up', `Not up within ${formatDuration(timeoutMs)}: ${whyNotMet(seen, result)}`, { advice: result.failure?.advice ?? advice, cause: result.failure });
}

;// CONCATENATED MODULE: ./src/rotation/bake.ts











const STILL_SERVING = {
    advice: 'Look at what the application answers, and at its log. What is still in rotation goes on serving users: ask for maint once enough others serve.'
};
class BakeFailure extends HaproxyError {
    bad;
    out;
    constructor(message, bad, out) {
        const kept = bad.filter((target) => !out.taken.includes(target) && takesTraffic(target.now));
        super('bake-failed', message, kept.length > 0 ? STILL_SERVING : {});
        this.bad = bad;
        this.out = out;
    }
}
async function bake(backends, options, context) {
    const condition = new Baking(backends, options, context);
    const { bakeMs, wait } = options;
    const timeoutMs = bakeMs + wait.timeoutMs;
    const watch = { ...wait, timeoutMs, settleMs: 0, isSteady: true };
    const { onLook } = NO_OBSERVER;
    const result = await waitUntil({ backends, options: watch, condition, onLook }, context);
    const { baked, down, bad } = condition;
    if (!result.met && bad.length + down.length === 0) {
        throw notBaked(condition, { bakeMs, timeoutMs }, result);
    }
    const names = [...bad, ...down.map(({ name }) => name)];
    const failed = targetsOf(backends).filter(({ name }) => names.includes(name));
    if (failed.length === 0) {
        return { kind: 'up', baked };
    }
    const message = [...whyDown(down), ...whyBad(baked)].join(' ');
    throw new BakeFailure(message, failed, await takeBadOut(failed, options, context));
}
function notBaked({ notUp, baked }, { bakeMs, timeoutMs }, result) {
    const { failure } = result;
    if (failure === undefined && notUp.length > 0 && baked.elapsedMs >= bakeMs) {
        const seen = notUp.map(notUpInWords);
        return new HaproxyError('not-up', `Watched for ${formatDuration(baked.elapsedMs)}, and not up: ${seen.join('; ')}.`, { advice: TRY_AGAIN });
    }
    const why = whyNotMet(['reloads or cleared counters kept interrupting it'], result);
    return new HaproxyError('not-baked', `The traffic could not be watched for ${formatDuration(bakeMs)} within ${formatDuration(timeoutMs)}: ${why}`, { advice: failure?.advice, cause: failure });
}
function whyDown(down) {
    return down.map((target) => `${namesOf([target])} was up, and while its traffic was watched it became ${seenAs(target)}${whyNotUp(target.now)}.`);
}
function whyBad({ servers, elapsedMs }) {
    return servers
        .filter(({ verdict }) => verdict === 'bad')
        .map((server) => `Too many requests failed on ${server.name} within ${formatDuration(elapsedMs)}: ${trafficInWords(server)}.`);
}

;// CONCATENATED MODULE: ./src/rotation/route.ts

function routeOf(target, all, routing) {
    const { before, backend } = target;
    const shown = shownAdminState(before);
    if (shown === 'ready') {
        return 'none';
    }
    if (!routing.freshCheck || before.tracked !== undefined) {
        return 'ready';
    }
    if (!before.hasCheck) {
        return routing.canWait && checkedElsewhere(target, all).length > 0
            ? 'checks elsewhere'
            : 'ready';
    }
    if (shown === undefined) {
        return 'down';
    }
    const isAlone = !backend.servers.some((server) => isUp({ ...server, throttle: undefined }));
    return shown === 'drain' && isAlone ? 'release' : 'fresh check';
}
function checkedElsewhere({ before }, all) {
    return all.filter((other) => other.before.name === before.name && other.before.hasCheck);
}
function leaderOf(target, all) {
    const { tracked } = target.now;
    return all.find(({ name, backend }) => name === tracked && backend.instance === target.backend.instance);
}

;// CONCATENATED MODULE: ./src/rotation/return-notices.ts


function announceReleases(routes, { log }) {
    for (const [target, route] of routes) {
        if (route === 'release') {
            log.notice(...noFreshCheck(target));
        }
    }
}
function announceGaps(routes, { log }) {
    const all = [...routes.keys()];
    for (const target of all) {
        const { status, tracked } = target.now;
        if (status === 'no check') {
            log.notice(...noHealthCheck(target));
        }
        if (tracked !== undefined &&
            routes.get(target) === 'ready' &&
            leaderOf(target, all) === undefined) {
            log.notice(...followsAnother(target, tracked));
        }
    }
}

;// CONCATENATED MODULE: ./src/rotation/fresh-check.ts




async function forceDown(targets, context) {
    await forEachBackend(targets, async (_, group) => {
        await request('drain', group, context, FOR_FRESH_CHECK);
        await forceDownAgain(group, context);
    });
}
async function forceDownAgain(targets, context) {
    await forEachBackend(targets, (backend, group) => retry(() => backend.forceDown(group, { signal: context.over }), context));
}
function isForcedDown({ status }) {
    return status === 'DOWN' || status === 'DOWN (agent)';
}
function hasLeftDrain({ word }) {
    return word === 'UP' || word === 'no check' || word === 'MAINT';
}
async function release(targets, onReleased, context) {
    if (targets.length > 0) {
        context.log.info(endingDrain(targets));
    }
    const lost = await settleAll(targets, async (target) => {
        const limits = { signal: context.over };
        if (await retry(() => target.backend.release(target, limits), context)) {
            onReleased(target);
            return [];
        }
        return [target];
    });
    return lost.flat();
}

;// CONCATENATED MODULE: ./src/rotation/return-stages.ts




const CHECKED = ['fresh check', 'down'];
class ReturnStages {
    targets;
    #routes;
    #stages;
    #blocked = new Map();
    #explained = new Map();
    constructor(routes) {
        this.targets = [...routes.keys()];
        this.#routes = routes;
        this.#stages = new Map([...routes].map(([target, route]) => [target, firstStage(target, route)]));
    }
    get pending() {
        return this.targets.filter((target) => this.#stages.get(target) !== 'released' || this.#blocked.has(target));
    }
    get blocked() {
        return this.#blocked;
    }
    at(stage, targets) {
        return targets.filter((target) => this.#stages.get(target) === stage);
    }
    on(routes, targets) {
        return targets.filter((target) => routes.includes(this.#routes.get(target) ?? 'none'));
    }
    checked(targets) {
        return this.on(CHECKED, targets);
    }
    enter(stage, targets) {
        for (const target of targets) {
            this.#stages.set(target, stage);
            this.#explained.delete(target);
            this.#blocked.delete(target);
        }
    }
    block(target, why) {
        this.enter('released', this.checked([target]));
        this.#blocked.set(target, why);
    }
    explain(target) {
        this.#explained.set(target, target.now.status);
    }
    isBack(target) {
        const { checkFailed, unchecked } = target.now;
        const isChecked = this.checked([target]).length > 0;
        return isUp(target.now) && !(isChecked && (checkFailed || unchecked));
    }
    isLost(target) {
        const { now, before } = target;
        const was = shownAdminState(before) ?? 'ready';
        const leader = leaderOf(target, this.targets);
        if (leader !== undefined && !isUp(leader.now)) {
            return false;
        }
        switch (this.#stages.get(target)) {
            case 'forced down':
                return hasLeftDrain(now);
            case 'elsewhere':
                return !isUnresolved(now) && !canBe(now, this.#blocked.has(target) ? 'ready' : was);
            case 'released':
                return this.isPartlyUp(target)
                    ? this.#explained.get(target) !== now.status
                    : !canBe(now, 'ready');
            case 'unresolved':
            case undefined:
                return false;
        }
    }
    isReleasedElsewhere({ name, backend: { instance } }) {
        return this.at('released', this.targets).some(({ name: other, backend }) => other === name && backend.instance !== instance && areOne(backend.instance, instance));
    }
    isPartlyUp(target) {
        const isChecked = this.checked(this.at('released', [target])).length > 0;
        return isChecked && target.now.word === 'UP' && target.now.status !== 'UP';
    }
}
function firstStage({ before }, route) {
    switch (route) {
        case 'fresh check':
            return isUnresolved(before) ? 'unresolved' : 'forced down';
        case 'checks elsewhere':
            return 'elsewhere';
        case 'none':
        case 'ready':
        case 'down':
        case 'release':
            return 'released';
    }
}

;// CONCATENATED MODULE: ./src/rotation/take-out-again.ts




async function takeOutAgain(targets, stages, minUp, context) {
    const reasons = new Map(targets.map((target) => [target, whyNeeded(target, minUp)]));
    const spared = targets.filter((target) => reasons.get(target) === undefined);
    for (const [target, why] of reasons) {
        if (why !== undefined) {
            stages.block(target, why);
        }
    }
    const elsewhere = stages.at('elsewhere', spared);
    for (const state of ['drain', 'maint']) {
        const mine = elsewhere.filter(({ before }) => shownAdminState(before) === state);
        await request(state, mine, context);
    }
    stages.enter('elsewhere', elsewhere);
    const checked = stages.checked(spared);
    await forceDown(checked, context);
    stages.enter('forced down', checked);
}

;// CONCATENATED MODULE: ./src/rotation/returning.ts










class Returning {
    #stages;
    #minUp;
    #context;
    #reloaded = new Map();
    constructor(stages, minUp, context) {
        this.#stages = stages;
        this.#minUp = minUp;
        this.#context = context;
    }
    async begin() {
        await forceDown(this.#stages.at('forced down', this.#stages.targets), this.#context);
        await request('ready', this.#stages.on(['ready', 'down'], this.#stages.targets), this.#context);
        await this.#release(this.#stages.on(['release'], this.#stages.targets));
    }
    async judge(seen) {
        const visible = this.#stages.targets.filter(({ backend }) => seen.includes(backend));
        const acted = (await this.#resumeReloaded()) ||
            (await this.#explainLosses(visible)) ||
            (await this.#resumeResolved(visible)) ||
            (await this.#resumeBlocked(visible)) ||
            (await this.#releaseForcedDown(visible)) ||
            (await this.#releaseElsewhere(visible));
        if (acted || this.#stages.at('forced down', visible).length > 0) {
            return 'acted';
        }
        return this.#stages.pending.length === 0 &&
            this.#stages.targets.every((target) => this.#stages.isBack(target))
            ? 'met'
            : 'waiting';
    }
    async confirm() {
        const kept = await settleAll(instancesOf(backendsOf(this.#stages.targets)), async (instance) => {
            const change = await this.#recheck(instance);
            if (!isReload(change)) {
                return true;
            }
            await this.#beginAgain(instance, change);
            return false;
        });
        return kept.every(Boolean);
    }
    async #resumeReloaded() {
        const reloaded = [...this.#reloaded];
        await settleAll(reloaded, ([instance, change]) => this.#beginAgain(instance, change));
        return reloaded.length > 0;
    }
    async #resumeResolved(visible) {
        const back = this.#stages.at('unresolved', visible).filter(({ now }) => !isUnresolved(now));
        const isChanged = ({ change: { state, isUncertain }, now }) => state !== undefined && isUncertain !== true && !canBe(now, state);
        const checked = this.#stages.checked(back).filter((target) => !isChanged(target));
        await takeOutAgain(checked, this.#stages, this.#minUp, this.#context);
        for (const target of back.filter((each) => !checked.includes(each))) {
            this.#stages.enter(target.change.state === 'drain' ? 'forced down' : 'released', [target]);
        }
        return back.length > 0;
    }
    async #resumeBlocked(visible) {
        const blocked = visible.filter((target) => this.#stages.blocked.has(target));
        await takeOutAgain(blocked, this.#stages, this.#minUp, this.#context);
        return blocked.some((target) => !this.#stages.blocked.has(target));
    }
    async #releaseForcedDown(visible) {
        const due = this.#stages
            .at('forced down', visible)
            .filter(({ now }) => !now.checking || !isForcedDown(now));
        await forceDownAgain(due.filter(({ now }) => !isForcedDown(now)), this.#context);
        await this.#release(due);
        return due.length > 0;
    }
    async #releaseElsewhere(visible) {
        const isBack = (target) => !this.#stages.pending.includes(target) && target.isKnown && this.#stages.isBack(target);
        const ready = this.#stages
            .at('elsewhere', visible)
            .filter((target) => checkedElsewhere(target, this.#stages.targets).every(isBack));
        await request('ready', ready, this.#context);
        this.#stages.enter('released', ready);
        return ready.length > 0;
    }
    async #explainLosses(visible) {
        const ready = visible.filter(({ change, now }) => change.state === 'ready' && shownAdminState(now) === 'ready');
        this.#stages.enter('released', [
            ...this.#stages.at('forced down', ready),
            ...this.#stages.at('elsewhere', ready)
        ]);
        const lost = visible.filter((target) => this.#stages.isLost(target));
        const unresolved = lost.filter(({ now }) => isUnresolved(now));
        this.#stages.enter('unresolved', unresolved);
        const rest = lost.filter((target) => !unresolved.includes(target));
        const groups = Map.groupBy(rest, ({ backend }) => backend.instance);
        const acted = await settleAll([...groups], ([instance, targets]) => this.#explain(instance, targets));
        return acted.includes(true);
    }
    async #explain(instance, targets) {
        const change = await this.#recheck(instance);
        if (isReload(change)) {
            await this.#beginAgain(instance, change);
            return true;
        }
        const lost = targets.filter((target) => !this.#stages.isPartlyUp(target));
        if (lost.length > 0) {
            throw changedByOthers(lost, change);
        }
        targets.forEach((target) => {
            this.#stages.explain(target);
        });
        return false;
    }
    async #beginAgain(instance, change) {
        const mine = this.#stages.targets.filter(({ backend }) => backend.instance === instance);
        await lookAgain(backendsOf(mine), this.#context);
        const lost = mine.filter((target) => this.#stages.isLost(target));
        const byOthers = lost.filter(({ now }) => now.word === 'MAINT' && !isUnresolved(now));
        if (byOthers.length > 0) {
            throw changedByOthers(byOthers, change);
        }
        const unresolved = this.#stages.at('unresolved', mine);
        const checked = this.#stages.checked(mine).filter((target) => !unresolved.includes(target));
        const again = mine.filter((target) => checked.includes(target) || lost.includes(target));
        const reload = reloadAt(instance.name, change);
        this.#context.log.warning(...reloaded(reload, again, STARTING_OVER));
        const others = lost.filter((target) => !checked.includes(target));
        await request('ready', this.#stages.at('released', others), this.#context);
        await takeOutAgain([...checked, ...this.#stages.at('elsewhere', others)], this.#stages, this.#minUp, this.#context);
        this.#reloaded.delete(instance);
    }
    async #release(targets) {
        const enter = (target) => {
            this.#stages.enter('released', [target]);
        };
        const ended = await release(targets, enter, this.#context);
        const twice = ended.filter((target) => this.#stages.isReleasedElsewhere(target));
        this.#stages.enter('released', twice);
        const lost = ended.filter((target) => !twice.includes(target));
        const groups = Map.groupBy(lost, ({ backend }) => backend.instance);
        await settleAll([...groups], async ([instance, mine]) => {
            const change = await this.#recheck(instance);
            if (!isReload(change)) {
                throw changedByOthers(mine, change);
            }
            await this.#beginAgain(instance, change);
        });
    }
    async #recheck(instance) {
        const change = await instance.recheck({ signal: this.#context.cancelled });
        if (isReload(change)) {
            this.#reloaded.set(instance, change);
        }
        return change;
    }
}

;// CONCATENATED MODULE: ./src/rotation/until-released.ts


const until_released_PAUSE_MS = 200;
async function untilReleased({ backends, returning, stages }, { pollMs, timeoutMs }, context) {
    const { clock, cancelled } = context;
    const deadline = clock.now() + timeoutMs;
    for (;;) {
        const progress = await returning.judge(backends);
        const isHeld = stages.pending.length > 0;
        if (!isHeld && progress !== 'acted') {
            return;
        }
        if (isHeld && clock.now() >= deadline) {
            throw notReleased(stages, timeoutMs);
        }
        if (isHeld) {
            await clock.sleep(Math.min(pollMs, until_released_PAUSE_MS), cancelled);
        }
        await lookAgain(backends, context);
    }
}

;// CONCATENATED MODULE: ./src/rotation/bring-back.ts














function routesOf(backends, { freshCheck, isAwaited }) {
    const targets = targetsOf(backends);
    const routing = { freshCheck, canWait: isAwaited };
    return new Map(targets.map((target) => [target, routeOf(target, targets, routing)]));
}
async function bringBack(backends, options, context) {
    context.cancelled.throwIfAborted();
    const routes = routesOf(backends, options);
    const stages = new ReturnStages(routes);
    const returning = new Returning(stages, options.minUp, context);
    const isChanging = [...routes.values()].some((route) => route !== 'none');
    announceReleases(routes, context);
    if (isChanging) {
        await unlessOthersActed(backends, context, async () => {
            await returning.begin();
            await lookAgain(backends, context);
            refuseIfNotHeld(judgedNow(routes));
            await refuseIfOnlyHere(requested(backends), (server) => canBe(server, 'ready') || canBe(server, 'drain'), context);
        });
    }
    if (!options.isAwaited) {
        await untilReleased({ backends, returning, stages }, options.wait, context);
        return { kind: 'requested' };
    }
    const { onLook } = context.observer;
    const wait = { backends, options: options.wait, condition: returning, onLook };
    const result = await waitUntil(wait, context);
    if (!result.met) {
        const failure = notUp(stages, options, result);
        throw options.onTimeout === 'restore'
            ? await putBackDispensable(failure, backends, options, context)
            : failure;
    }
    await refuseIfOnlyHere(requested(backends), (server) => canBe(server, 'ready'), context);
    announceGaps(routes, context);
    return { kind: 'up' };
}
async function unlessOthersActed(backends, context, work) {
    try {
        await work();
    }
    catch (error) {
        if (!(error instanceof HaproxyError) ||
            error.problem === 'changed-meanwhile' ||
            context.cancelled.aborted) {
            throw error;
        }
        throw await rollBackAfter(error, requested(backends), context);
    }
}
async function putBackDispensable(failure, backends, { minUp }, context) {
    const targets = targetsOf(backends);
    await lookAgain(backends, { ...context, cancelled: context.over }).catch(() => undefined);
    const needed = targets.flatMap((target) => {
        const why = whyNeeded(target, minUp);
        return why === undefined ? [] : [{ target, why }];
    });
    const spared = targets.filter((target) => !needed.some((one) => one.target === target));
    const result = await rollBackAfter(failure, spared, context);
    if (needed.length === 0) {
        return result;
    }
    const reasons = [...new Set(needed.map(({ why }) => why))].join(' ');
    const names = namesOf(needed.map(({ target }) => target));
    const { problem, message, advice } = result;
    return new HaproxyError(problem, `${message} Left in rotation: ${names}. ${reasons}`, {
        advice,
        cause: result
    });
}
function requested(backends) {
    return targetsOf(backends).filter(({ change }) => change.state !== undefined);
}
function judgedNow(routes) {
    const all = [...routes.keys()];
    return all.filter((target) => (routes.get(target) === 'ready' || routes.get(target) === 'down') &&
        leaderOf(target, all) === undefined &&
        !isUnresolved(target.now));
}

;// CONCATENATED MODULE: ./src/rotation/command.ts






async function command(name, backends, context) {
    context.cancelled.throwIfAborted();
    context.log.info(askingFor(name, targetsOf(backends)));
    await settleAll(backends, (backend) => retry(() => backend.command(name, backend.targets, { signal: context.over }), context, (error) => error.transient && (name !== 'shutdown' || changedNothing(error))));
    await lookAgain(backends, context);
}

;// CONCATENATED MODULE: ./src/rotation/fleet.ts





const TROUBLES = [
    'DOWN',
    'MAINT',
    'DRAIN',
    'NOLB',
    'partial health',
    'weight 0',
    'slowstart'
];
function troubleOf(server) {
    const { status, word, weight } = server;
    if (isUp(server)) {
        return undefined;
    }
    switch (word) {
        case 'DOWN':
        case 'MAINT':
        case 'DRAIN':
        case 'NOLB':
            return word;
        case 'UP':
        case 'no check':
        case undefined:
            if (status !== 'UP' && status !== 'no check') {
                return 'partial health';
            }
            return weight === 0 ? 'weight 0' : 'slowstart';
    }
}
function troubleFirst(targets) {
    const rank = ({ now }) => {
        const trouble = troubleOf(now);
        return trouble === undefined ? TROUBLES.length : TROUBLES.indexOf(trouble);
    };
    return targets.toSorted((one, other) => rank(one) - rank(other));
}
function troublesOf(targets) {
    const isOnSeveral = instancesOf(backendsOf(targets)).length > 1;
    return troubleFirst(targets.filter(({ now }) => !isUp(now))).map((target) => {
        const { name, fullName, now } = target;
        return `${isOnSeveral ? fullName : name} is ${stateInWords(now)}`;
    });
}
function stateInWords(server) {
    return isUp(server) ? server.status : `${statusOf(server)}${whyNotUp(server)}`;
}
function statusOf(server) {
    const { status, word, throttle, secondsInState } = server;
    const shown = status === 'no check' ? 'ready (no check)' : status;
    if (secondsInState === undefined) {
        return shown;
    }
    const isExact = word === 'DOWN' || throttle !== undefined;
    return `${shown} for ${formatAge(secondsInState)}${isExact ? '' : ' at most'}`;
}
const MAX_BACKENDS = 20;
function countsOf(targets) {
    const groups = Map.groupBy(targets, ({ backend }) => backend.instance);
    const counts = [...groups].map(([{ name }, on]) => {
        const backends = [...Map.groupBy(on, ({ backend }) => backend.name)]
            .map(([backend, those]) => ({ backend, all: those.length, notUp: notUpIn(those) }))
            .toSorted((one, other) => Number(other.notUp > 0) - Number(one.notUp > 0));
        const each = backends
            .slice(0, MAX_BACKENDS)
            .map(({ backend, all, notUp }) => countIn(all, notUp, backend));
        const rest = backends.slice(MAX_BACKENDS);
        if (rest.length > 0) {
            const sum = (amounts) => amounts.reduce((all, one) => all + one, 0);
            const [all, notUp] = [sum(rest.map((one) => one.all)), sum(rest.map((one) => one.notUp))];
            each.push(countIn(all, notUp, count(rest.length, 'other backend')));
        }
        return `${each.join(', ')}${groups.size > 1 ? ` on ${name}` : ''}`;
    });
    return counts.join(' and ');
}
function countIn(all, notUp, where) {
    return `${all} in ${where}${notUp > 0 ? ` (${notUp} not up)` : ''}`;
}
function notUpIn(targets) {
    return targets.filter(({ now }) => !isUp(now)).length;
}
const MAX_LINE_LENGTH = 2_000;
function fitsInLine(sentences) {
    return sentences.join('; ').length <= MAX_LINE_LENGTH;
}
function troubleInWords(targets) {
    const troubles = troublesOf(targets);
    const what = fitsInLine(troubles) ? troubles.join('; ') : countsOf(targets);
    return `${troubles.length} of ${count(targets.length, 'server')} not up: ${what}`;
}
function refuseIfNotAllUp(targets) {
    if (notUpIn(targets) > 0) {
        throw new HaproxyError('not-all-up', `${troubleInWords(targets)}.`);
    }
}

;// CONCATENATED MODULE: ./src/rotation/refuse.ts



const MAX_LISTED = 20;
function refuseUnknownStatus(targets) {
    const unknown = targets.filter(({ before }) => before.word === undefined);
    if (unknown.length > 0) {
        const seen = unknown
            .slice(0, MAX_LISTED)
            .map(({ fullName, before }) => `${fullName} has "${before.status}"`);
        const more = unknown.length > MAX_LISTED ? ` and ${unknown.length - MAX_LISTED} more` : '';
        throw new HaproxyError('malformed', `A status that HAProxy is not known to write: ${seen.join('; ')}${more}.`);
    }
}
function refuseIfNotReturnable(targets, canWait) {
    const reasons = targets.flatMap((target) => whyNotReturnable(target, targets, canWait) ?? []);
    if (reasons.length > 0) {
        throw new HaproxyError('not-returnable', reasons.join(' '));
    }
}
function whyNotReturnable(target, all, canWait) {
    const { fullName, before } = target;
    const { status, tracked } = before;
    if (isUnresolved(before)) {
        return canWait
            ? undefined
            : `${fullName} is ${status}: HAProxy cannot resolve its host name, and only DNS can end that (\`resolvers\` in haproxy.cfg).`;
    }
    if (isInheritedMaint(before) && leaderOf(target, all) === undefined) {
        return `${fullName} is ${status}: it follows ${tracked ?? 'another server'}; name that server instead.`;
    }
    return undefined;
}

;// CONCATENATED MODULE: ./src/rotation/turn.ts









const SPREAD_MS = 1_000;
async function takeTurn(search, options, context) {
    const { minUp, timeoutMs, onClaim } = options;
    const { clock, cancelled } = context;
    const deadline = clock.now() + timeoutMs;
    let found = await search();
    for (;;) {
        const never = backendsAtStake(found.backends).filter((backend) => !canBeMet(backend, minUp));
        if (never.length > 0) {
            throw tooFewServe(never, minUp);
        }
        await untilEnough(found.backends, options, deadline, context);
        await clock.sleep(Math.random() * SPREAD_MS, cancelled);
        found = await search();
        if (targetsOf(found.backends).some(({ before }) => before.word === 'DRAIN')) {
            await clock.sleep(WITHDRAWAL_MS, cancelled);
            found = await search();
        }
        const atStake = backendsAtStake(found.backends);
        if (atStake.length === 0) {
            return { found, isClaimed: false };
        }
        if (shortOf(atStake, minUp).length === 0) {
            onClaim(targetsToClaim(found.backends));
            if (await claim(found.backends, minUp, context)) {
                return { found, isClaimed: true };
            }
            onClaim([]);
            context.log.info(CLAIM_WITHDRAWN);
        }
    }
}
function mayWait(backends, minUp) {
    const short = shortOf(backendsAtStake(backends), minUp);
    return short.length > 0 && short.every((backend) => canBeMet(backend, minUp));
}
async function untilEnough(backends, { minUp, timeoutMs, pollMs }, deadline, context) {
    const condition = new EnoughServe(backends, minUp);
    if (condition.isMet && context.clock.now() < deadline) {
        return;
    }
    const wait = {
        backends,
        options: { timeoutMs: Math.max(0, deadline - context.clock.now()), pollMs, settleMs: 0 },
        condition,
        onLook: (_, remainingMs) => {
            condition.say(remainingMs, context);
        }
    };
    const { met, failure } = await waitUntil(wait, context);
    if (!met) {
        const noTurn = `No turn within ${formatDuration(timeoutMs)}: `;
        if (failure !== undefined || condition.isMet) {
            const why = failure?.message ?? 'enough others serve now, but the time is up.';
            throw new HaproxyError('no-turn', `${noTurn}${why}`, {
                advice: failure?.advice,
                cause: failure
            });
        }
        const { message, advice } = tooFewServe(condition.short, minUp);
        throw new HaproxyError('guard-refused', `${noTurn}${message}`, { advice });
    }
}
class EnoughServe {
    #backends;
    #minUp;
    #said = '';
    #saidAt = 0;
    constructor(backends, minUp) {
        this.#backends = backends;
        this.#minUp = minUp;
    }
    get short() {
        return shortOf(backendsAtStake(this.#backends), this.#minUp);
    }
    get isMet() {
        return this.short.length === 0;
    }
    judge() {
        return Promise.resolve(this.isMet ? 'met' : 'waiting');
    }
    confirm() {
        return Promise.resolve(true);
    }
    say(remainingMs, { clock, log }) {
        const { short } = this;
        const missing = short
            .flatMap((backend) => notServingIn(backend).map(({ name, status }) => [backend.fullName, name, status]))
            .join();
        const isNew = missing !== this.#said;
        if (short.length > 0 && (isNew || clock.now() - this.#saidAt >= HEARTBEAT_MS)) {
            this.#said = missing;
            this.#saidAt = clock.now();
            log.info(waitingForTurn(remainingMs, tooFewServe(short, this.#minUp).message));
        }
    }
}

;// CONCATENATED MODULE: external "os"
const external_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("os");
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/utils.js
// We use any as a valid input type
/* eslint-disable @typescript-eslint/no-explicit-any */
/**
 * Sanitizes an input into a string so it can be passed into issueCommand safely
 * @param input input to sanitize into a string
 */
function utils_toCommandValue(input) {
    if (input === null || input === undefined) {
        return '';
    }
    else if (typeof input === 'string' || input instanceof String) {
        return input;
    }
    return JSON.stringify(input);
}
/**
 *
 * @param annotationProperties
 * @returns The command properties to send with the actual annotation command
 * See IssueCommandProperties: https://github.com/actions/runner/blob/main/src/Runner.Worker/ActionCommandManager.cs#L646
 */
function toCommandProperties(annotationProperties) {
    if (!Object.keys(annotationProperties).length) {
        return {};
    }
    return {
        title: annotationProperties.title,
        file: annotationProperties.file,
        line: annotationProperties.startLine,
        endLine: annotationProperties.endLine,
        col: annotationProperties.startColumn,
        endColumn: annotationProperties.endColumn
    };
}
//# sourceMappingURL=utils.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/command.js


/**
 * Issues a command to the GitHub Actions runner
 *
 * @param command - The command name to issue
 * @param properties - Additional properties for the command (key-value pairs)
 * @param message - The message to include with the command
 * @remarks
 * This function outputs a specially formatted string to stdout that the Actions
 * runner interprets as a command. These commands can control workflow behavior,
 * set outputs, create annotations, mask values, and more.
 *
 * Command Format:
 *   ::name key=value,key=value::message
 *
 * @example
 * ```typescript
 * // Issue a warning annotation
 * issueCommand('warning', {}, 'This is a warning message');
 * // Output: ::warning::This is a warning message
 *
 * // Set an environment variable
 * issueCommand('set-env', { name: 'MY_VAR' }, 'some value');
 * // Output: ::set-env name=MY_VAR::some value
 *
 * // Add a secret mask
 * issueCommand('add-mask', {}, 'secretValue123');
 * // Output: ::add-mask::secretValue123
 * ```
 *
 * @internal
 * This is an internal utility function that powers the public API functions
 * such as setSecret, warning, error, and exportVariable.
 */
function command_issueCommand(command, properties, message) {
    const cmd = new Command(command, properties, message);
    process.stdout.write(cmd.toString() + external_os_namespaceObject.EOL);
}
function command_issue(name, message = '') {
    command_issueCommand(name, {}, message);
}
const CMD_STRING = '::';
class Command {
    constructor(command, properties, message) {
        if (!command) {
            command = 'missing.command';
        }
        this.command = command;
        this.properties = properties;
        this.message = message;
    }
    toString() {
        let cmdStr = CMD_STRING + this.command;
        if (this.properties && Object.keys(this.properties).length > 0) {
            cmdStr += ' ';
            let first = true;
            for (const key in this.properties) {
                if (this.properties.hasOwnProperty(key)) {
                    const val = this.properties[key];
                    if (val) {
                        if (first) {
                            first = false;
                        }
                        else {
                            cmdStr += ',';
                        }
                        cmdStr += `${key}=${escapeProperty(val)}`;
                    }
                }
            }
        }
        cmdStr += `${CMD_STRING}${escapeData(this.message)}`;
        return cmdStr;
    }
}
function escapeData(s) {
    return utils_toCommandValue(s)
        .replace(/%/g, '%25')
        .replace(/\r/g, '%0D')
        .replace(/\n/g, '%0A');
}
function escapeProperty(s) {
    return utils_toCommandValue(s)
        .replace(/%/g, '%25')
        .replace(/\r/g, '%0D')
        .replace(/\n/g, '%0A')
        .replace(/:/g, '%3A')
        .replace(/,/g, '%2C');
}
//# sourceMappingURL=command.js.map
;// CONCATENATED MODULE: external "crypto"
const external_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("crypto");
;// CONCATENATED MODULE: external "fs"
const external_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("fs");
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/file-command.js
// For internal use, subject to change.
// We use any as a valid input type
/* eslint-disable @typescript-eslint/no-explicit-any */




function file_command_issueFileCommand(command, message) {
    const filePath = process.env[`GITHUB_${command}`];
    if (!filePath) {
        throw new Error(`Unable to find environment variable for file command ${command}`);
    }
    if (!external_fs_namespaceObject.existsSync(filePath)) {
        throw new Error(`Missing file at path: ${filePath}`);
    }
    external_fs_namespaceObject.appendFileSync(filePath, `${utils_toCommandValue(message)}${external_os_namespaceObject.EOL}`, {
        encoding: 'utf8'
    });
}
function file_command_prepareKeyValueMessage(key, value) {
    const delimiter = `ghadelimiter_${external_crypto_namespaceObject.randomUUID()}`;
    const convertedValue = utils_toCommandValue(value);
    // These should realistically never happen, but just in case someone finds a
    // way to exploit uuid generation let's not allow keys or values that contain
    // the delimiter.
    if (key.includes(delimiter)) {
        throw new Error(`Unexpected input: name should not contain the delimiter "${delimiter}"`);
    }
    if (convertedValue.includes(delimiter)) {
        throw new Error(`Unexpected input: value should not contain the delimiter "${delimiter}"`);
    }
    return `${key}<<${delimiter}${external_os_namespaceObject.EOL}${convertedValue}${external_os_namespaceObject.EOL}${delimiter}`;
}
//# sourceMappingURL=file-command.js.map
;// CONCATENATED MODULE: external "path"
const external_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("path");
// EXTERNAL MODULE: external "http"
var external_http_ = __nccwpck_require__(611);
var external_http_namespaceObject = /*#__PURE__*/__nccwpck_require__.t(external_http_, 2);
// EXTERNAL MODULE: external "https"
var external_https_ = __nccwpck_require__(692);
var external_https_namespaceObject = /*#__PURE__*/__nccwpck_require__.t(external_https_, 2);
;// CONCATENATED MODULE: ./node_modules/@actions/http-client/lib/proxy.js
function getProxyUrl(reqUrl) {
    const usingSsl = reqUrl.protocol === 'https:';
    if (checkBypass(reqUrl)) {
        return undefined;
    }
    const proxyVar = (() => {
        if (usingSsl) {
            return process.env['https_proxy'] || process.env['HTTPS_PROXY'];
        }
        else {
            return process.env['http_proxy'] || process.env['HTTP_PROXY'];
        }
    })();
    if (proxyVar) {
        try {
            return new DecodedURL(proxyVar);
        }
        catch (_a) {
            if (!proxyVar.startsWith('http://') && !proxyVar.startsWith('https://'))
                return new DecodedURL(`http://${proxyVar}`);
        }
    }
    else {
        return undefined;
    }
}
function checkBypass(reqUrl) {
    if (!reqUrl.hostname) {
        return false;
    }
    const reqHost = reqUrl.hostname;
    if (isLoopbackAddress(reqHost)) {
        return true;
    }
    const noProxy = process.env['no_proxy'] || process.env['NO_PROXY'] || '';
    if (!noProxy) {
        return false;
    }
    // Determine the request port
    let reqPort;
    if (reqUrl.port) {
        reqPort = Number(reqUrl.port);
    }
    else if (reqUrl.protocol === 'http:') {
        reqPort = 80;
    }
    else if (reqUrl.protocol === 'https:') {
        reqPort = 443;
    }
    // Format the request hostname and hostname with port
    const upperReqHosts = [reqUrl.hostname.toUpperCase()];
    if (typeof reqPort === 'number') {
        upperReqHosts.push(`${upperReqHosts[0]}:${reqPort}`);
    }
    // Compare request host against noproxy
    for (const upperNoProxyItem of noProxy
        .split(',')
        .map(x => x.trim().toUpperCase())
        .filter(x => x)) {
        if (upperNoProxyItem === '*' ||
            upperReqHosts.some(x => x === upperNoProxyItem ||
                x.endsWith(`.${upperNoProxyItem}`) ||
                (upperNoProxyItem.startsWith('.') &&
                    x.endsWith(`${upperNoProxyItem}`)))) {
            return true;
        }
    }
    return false;
}
function isLoopbackAddress(host) {
    const hostLower = host.toLowerCase();
    return (hostLower === 'localhost' ||
        hostLower.startsWith('127.') ||
        hostLower.startsWith('[::1]') ||
        hostLower.startsWith('[0:0:0:0:0:0:0:1]'));
}
class DecodedURL extends URL {
    constructor(url, base) {
        super(url, base);
        this._decodedUsername = decodeURIComponent(super.username);
        this._decodedPassword = decodeURIComponent(super.password);
    }
    get username() {
        return this._decodedUsername;
    }
    get password() {
        return this._decodedPassword;
    }
}
//# sourceMappingURL=proxy.js.map
// EXTERNAL MODULE: ./node_modules/tunnel/index.js
var tunnel = __nccwpck_require__(770);
;// CONCATENATED MODULE: ./src/left-out/undici.ts
function ProxyAgent() {
    throw new Error('undici is left out of this bundle.');
}

;// CONCATENATED MODULE: ./node_modules/@actions/http-client/lib/index.js
/* eslint-disable @typescript-eslint/no-explicit-any */
var __awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};





var HttpCodes;
(function (HttpCodes) {
    HttpCodes[HttpCodes["OK"] = 200] = "OK";
    HttpCodes[HttpCodes["MultipleChoices"] = 300] = "MultipleChoices";
    HttpCodes[HttpCodes["MovedPermanently"] = 301] = "MovedPermanently";
    HttpCodes[HttpCodes["ResourceMoved"] = 302] = "ResourceMoved";
    HttpCodes[HttpCodes["SeeOther"] = 303] = "SeeOther";
    HttpCodes[HttpCodes["NotModified"] = 304] = "NotModified";
    HttpCodes[HttpCodes["UseProxy"] = 305] = "UseProxy";
    HttpCodes[HttpCodes["SwitchProxy"] = 306] = "SwitchProxy";
    HttpCodes[HttpCodes["TemporaryRedirect"] = 307] = "TemporaryRedirect";
    HttpCodes[HttpCodes["PermanentRedirect"] = 308] = "PermanentRedirect";
    HttpCodes[HttpCodes["BadRequest"] = 400] = "BadRequest";
    HttpCodes[HttpCodes["Unauthorized"] = 401] = "Unauthorized";
    HttpCodes[HttpCodes["PaymentRequired"] = 402] = "PaymentRequired";
    HttpCodes[HttpCodes["Forbidden"] = 403] = "Forbidden";
    HttpCodes[HttpCodes["NotFound"] = 404] = "NotFound";
    HttpCodes[HttpCodes["MethodNotAllowed"] = 405] = "MethodNotAllowed";
    HttpCodes[HttpCodes["NotAcceptable"] = 406] = "NotAcceptable";
    HttpCodes[HttpCodes["ProxyAuthenticationRequired"] = 407] = "ProxyAuthenticationRequired";
    HttpCodes[HttpCodes["RequestTimeout"] = 408] = "RequestTimeout";
    HttpCodes[HttpCodes["Conflict"] = 409] = "Conflict";
    HttpCodes[HttpCodes["Gone"] = 410] = "Gone";
    HttpCodes[HttpCodes["TooManyRequests"] = 429] = "TooManyRequests";
    HttpCodes[HttpCodes["InternalServerError"] = 500] = "InternalServerError";
    HttpCodes[HttpCodes["NotImplemented"] = 501] = "NotImplemented";
    HttpCodes[HttpCodes["BadGateway"] = 502] = "BadGateway";
    HttpCodes[HttpCodes["ServiceUnavailable"] = 503] = "ServiceUnavailable";
    HttpCodes[HttpCodes["GatewayTimeout"] = 504] = "GatewayTimeout";
})(HttpCodes || (HttpCodes = {}));
var Headers;
(function (Headers) {
    Headers["Accept"] = "accept";
    Headers["ContentType"] = "content-type";
})(Headers || (Headers = {}));
var MediaTypes;
(function (MediaTypes) {
    MediaTypes["ApplicationJson"] = "application/json";
})(MediaTypes || (MediaTypes = {}));
/**
 * Returns the proxy URL, depending upon the supplied url and proxy environment variables.
 * @param serverUrl  The server URL where the request will be sent. For example, https://api.github.com
 */
function lib_getProxyUrl(serverUrl) {
    const proxyUrl = pm.getProxyUrl(new URL(serverUrl));
    return proxyUrl ? proxyUrl.href : '';
}
const HttpRedirectCodes = [
    HttpCodes.MovedPermanently,
    HttpCodes.ResourceMoved,
    HttpCodes.SeeOther,
    HttpCodes.TemporaryRedirect,
    HttpCodes.PermanentRedirect
];
const HttpResponseRetryCodes = [
    HttpCodes.BadGateway,
    HttpCodes.ServiceUnavailable,
    HttpCodes.GatewayTimeout
];
const RetryableHttpVerbs = ['OPTIONS', 'GET', 'DELETE', 'HEAD'];
const ExponentialBackoffCeiling = 10;
const ExponentialBackoffTimeSlice = 5;
class HttpClientError extends Error {
    constructor(message, statusCode) {
        super(message);
        this.name = 'HttpClientError';
        this.statusCode = statusCode;
        Object.setPrototypeOf(this, HttpClientError.prototype);
    }
}
class HttpClientResponse {
    constructor(message) {
        this.message = message;
    }
    readBody() {
        return __awaiter(this, void 0, void 0, function* () {
            return new Promise((resolve) => __awaiter(this, void 0, void 0, function* () {
                let output = Buffer.alloc(0);
                this.message.on('data', (chunk) => {
                    output = Buffer.concat([output, chunk]);
                });
                this.message.on('end', () => {
                    resolve(output.toString());
                });
            }));
        });
    }
    readBodyBuffer() {
        return __awaiter(this, void 0, void 0, function* () {
            return new Promise((resolve) => __awaiter(this, void 0, void 0, function* () {
                const chunks = [];
                this.message.on('data', (chunk) => {
                    chunks.push(chunk);
                });
                this.message.on('end', () => {
                    resolve(Buffer.concat(chunks));
                });
            }));
        });
    }
}
function isHttps(requestUrl) {
    const parsedUrl = new URL(requestUrl);
    return parsedUrl.protocol === 'https:';
}
class lib_HttpClient {
    constructor(userAgent, handlers, requestOptions) {
        this._ignoreSslError = false;
        this._allowRedirects = true;
        this._allowRedirectDowngrade = false;
        this._maxRedirects = 50;
        this._allowRetries = false;
        this._maxRetries = 1;
        this._keepAlive = false;
        this._disposed = false;
        this.userAgent = this._getUserAgentWithOrchestrationId(userAgent);
        this.handlers = handlers || [];
        this.requestOptions = requestOptions;
        if (requestOptions) {
            if (requestOptions.ignoreSslError != null) {
                this._ignoreSslError = requestOptions.ignoreSslError;
            }
            this._socketTimeout = requestOptions.socketTimeout;
            if (requestOptions.allowRedirects != null) {
                this._allowRedirects = requestOptions.allowRedirects;
            }
            if (requestOptions.allowRedirectDowngrade != null) {
                this._allowRedirectDowngrade = requestOptions.allowRedirectDowngrade;
            }
            if (requestOptions.maxRedirects != null) {
                this._maxRedirects = Math.max(requestOptions.maxRedirects, 0);
            }
            if (requestOptions.keepAlive != null) {
                this._keepAlive = requestOptions.keepAlive;
            }
            if (requestOptions.allowRetries != null) {
                this._allowRetries = requestOptions.allowRetries;
            }
            if (requestOptions.maxRetries != null) {
                this._maxRetries = requestOptions.maxRetries;
            }
        }
    }
    options(requestUrl, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('OPTIONS', requestUrl, null, additionalHeaders || {});
        });
    }
    get(requestUrl, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('GET', requestUrl, null, additionalHeaders || {});
        });
    }
    del(requestUrl, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('DELETE', requestUrl, null, additionalHeaders || {});
        });
    }
    post(requestUrl, data, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('POST', requestUrl, data, additionalHeaders || {});
        });
    }
    patch(requestUrl, data, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('PATCH', requestUrl, data, additionalHeaders || {});
        });
    }
    put(requestUrl, data, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('PUT', requestUrl, data, additionalHeaders || {});
        });
    }
    head(requestUrl, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request('HEAD', requestUrl, null, additionalHeaders || {});
        });
    }
    sendStream(verb, requestUrl, stream, additionalHeaders) {
        return __awaiter(this, void 0, void 0, function* () {
            return this.request(verb, requestUrl, stream, additionalHeaders);
        });
    }
    /**
     * Gets a typed object from an endpoint
     * Be aware that not found returns a null.  Other errors (4xx, 5xx) reject the promise
     */
    getJson(requestUrl_1) {
        return __awaiter(this, arguments, void 0, function* (requestUrl, additionalHeaders = {}) {
            additionalHeaders[Headers.Accept] = this._getExistingOrDefaultHeader(additionalHeaders, Headers.Accept, MediaTypes.ApplicationJson);
            const res = yield this.get(requestUrl, additionalHeaders);
            return this._processResponse(res, this.requestOptions);
        });
    }
    postJson(requestUrl_1, obj_1) {
        return __awaiter(this, arguments, void 0, function* (requestUrl, obj, additionalHeaders = {}) {
            const data = JSON.stringify(obj, null, 2);
            additionalHeaders[Headers.Accept] = this._getExistingOrDefaultHeader(additionalHeaders, Headers.Accept, MediaTypes.ApplicationJson);
            additionalHeaders[Headers.ContentType] =
                this._getExistingOrDefaultContentTypeHeader(additionalHeaders, MediaTypes.ApplicationJson);
            const res = yield this.post(requestUrl, data, additionalHeaders);
            return this._processResponse(res, this.requestOptions);
        });
    }
    putJson(requestUrl_1, obj_1) {
        return __awaiter(this, arguments, void 0, function* (requestUrl, obj, additionalHeaders = {}) {
            const data = JSON.stringify(obj, null, 2);
            additionalHeaders[Headers.Accept] = this._getExistingOrDefaultHeader(additionalHeaders, Headers.Accept, MediaTypes.ApplicationJson);
            additionalHeaders[Headers.ContentType] =
                this._getExistingOrDefaultContentTypeHeader(additionalHeaders, MediaTypes.ApplicationJson);
            const res = yield this.put(requestUrl, data, additionalHeaders);
            return this._processResponse(res, this.requestOptions);
        });
    }
    patchJson(requestUrl_1, obj_1) {
        return __awaiter(this, arguments, void 0, function* (requestUrl, obj, additionalHeaders = {}) {
            const data = JSON.stringify(obj, null, 2);
            additionalHeaders[Headers.Accept] = this._getExistingOrDefaultHeader(additionalHeaders, Headers.Accept, MediaTypes.ApplicationJson);
            additionalHeaders[Headers.ContentType] =
                this._getExistingOrDefaultContentTypeHeader(additionalHeaders, MediaTypes.ApplicationJson);
            const res = yield this.patch(requestUrl, data, additionalHeaders);
            return this._processResponse(res, this.requestOptions);
        });
    }
    /**
     * Makes a raw http request.
     * All other methods such as get, post, patch, and request ultimately call this.
     * Prefer get, del, post and patch
     */
    request(verb, requestUrl, data, headers) {
        return __awaiter(this, void 0, void 0, function* () {
            if (this._disposed) {
                throw new Error('Client has already been disposed.');
            }
            const parsedUrl = new URL(requestUrl);
            let info = this._prepareRequest(verb, parsedUrl, headers);
            // Only perform retries on reads since writes may not be idempotent.
            const maxTries = this._allowRetries && RetryableHttpVerbs.includes(verb)
                ? this._maxRetries + 1
                : 1;
            let numTries = 0;
            let response;
            do {
                response = yield this.requestRaw(info, data);
                // Check if it's an authentication challenge
                if (response &&
                    response.message &&
                    response.message.statusCode === HttpCodes.Unauthorized) {
                    let authenticationHandler;
                    for (const handler of this.handlers) {
                        if (handler.canHandleAuthentication(response)) {
                            authenticationHandler = handler;
                            break;
                        }
                    }
                    if (authenticationHandler) {
                        return authenticationHandler.handleAuthentication(this, info, data);
                    }
                    else {
                        // We have received an unauthorized response but have no handlers to handle it.
                        // Let the response return to the caller.
                        return response;
                    }
                }
                let redirectsRemaining = this._maxRedirects;
                while (response.message.statusCode &&
                    HttpRedirectCodes.includes(response.message.statusCode) &&
                    this._allowRedirects &&
                    redirectsRemaining > 0) {
                    const redirectUrl = response.message.headers['location'];
                    if (!redirectUrl) {
                        // if there's no location to redirect to, we won't
                        break;
                    }
                    const parsedRedirectUrl = new URL(redirectUrl);
                    if (parsedUrl.protocol === 'https:' &&
                        parsedUrl.protocol !== parsedRedirectUrl.protocol &&
                        !this._allowRedirectDowngrade) {
                        throw new Error('Redirect from HTTPS to HTTP protocol. This downgrade is not allowed for security reasons. If you want to allow this behavior, set the allowRedirectDowngrade option to true.');
                    }
                    // we need to finish reading the response before reassigning response
                    // which will leak the open socket.
                    yield response.readBody();
                    // strip authorization header if redirected to a different hostname
                    if (parsedRedirectUrl.hostname !== parsedUrl.hostname) {
                        for (const header in headers) {
                            // header names are case insensitive
                            if (header.toLowerCase() === 'authorization') {
                                delete headers[header];
                            }
                        }
                    }
                    // let's make the request with the new redirectUrl
                    info = this._prepareRequest(verb, parsedRedirectUrl, headers);
                    response = yield this.requestRaw(info, data);
                    redirectsRemaining--;
                }
                if (!response.message.statusCode ||
                    !HttpResponseRetryCodes.includes(response.message.statusCode)) {
                    // If not a retry code, return immediately instead of retrying
                    return response;
                }
                numTries += 1;
                if (numTries < maxTries) {
                    yield response.readBody();
                    yield this._performExponentialBackoff(numTries);
                }
            } while (numTries < maxTries);
            return response;
        });
    }
    /**
     * Needs to be called if keepAlive is set to true in request options.
     */
    dispose() {
        if (this._agent) {
            this._agent.destroy();
        }
        this._disposed = true;
    }
    /**
     * Raw request.
     * @param info
     * @param data
     */
    requestRaw(info, data) {
        return __awaiter(this, void 0, void 0, function* () {
            return new Promise((resolve, reject) => {
                function callbackForResult(err, res) {
                    if (err) {
                        reject(err);
                    }
                    else if (!res) {
                        // If `err` is not passed, then `res` must be passed.
                        reject(new Error('Unknown error'));
                    }
                    else {
                        resolve(res);
                    }
                }
                this.requestRawWithCallback(info, data, callbackForResult);
            });
        });
    }
    /**
     * Raw request with callback.
     * @param info
     * @param data
     * @param onResult
     */
    requestRawWithCallback(info, data, onResult) {
        if (typeof data === 'string') {
            if (!info.options.headers) {
                info.options.headers = {};
            }
            info.options.headers['Content-Length'] = Buffer.byteLength(data, 'utf8');
        }
        let callbackCalled = false;
        function handleResult(err, res) {
            if (!callbackCalled) {
                callbackCalled = true;
                onResult(err, res);
            }
        }
        const req = info.httpModule.request(info.options, (msg) => {
            const res = new HttpClientResponse(msg);
            handleResult(undefined, res);
        });
        let socket;
        req.on('socket', sock => {
            socket = sock;
        });
        // If we ever get disconnected, we want the socket to timeout eventually
        req.setTimeout(this._socketTimeout || 3 * 60000, () => {
            if (socket) {
                socket.end();
            }
            handleResult(new Error(`Request timeout: ${info.options.path}`));
        });
        req.on('error', function (err) {
            // err has statusCode property
            // res should have headers
            handleResult(err);
        });
        if (data && typeof data === 'string') {
            req.write(data, 'utf8');
        }
        if (data && typeof data !== 'string') {
            data.on('close', function () {
                req.end();
            });
            data.pipe(req);
        }
        else {
            req.end();
        }
    }
    /**
     * Gets an http agent. This function is useful when you need an http agent that handles
     * routing through a proxy server - depending upon the url and proxy environment variables.
     * @param serverUrl  The server URL where the request will be sent. For example, https://api.github.com
     */
    getAgent(serverUrl) {
        const parsedUrl = new URL(serverUrl);
        return this._getAgent(parsedUrl);
    }
    getAgentDispatcher(serverUrl) {
        const parsedUrl = new URL(serverUrl);
        const proxyUrl = getProxyUrl(parsedUrl);
        const useProxy = proxyUrl && proxyUrl.hostname;
        if (!useProxy) {
            return;
        }
        return this._getProxyAgentDispatcher(parsedUrl, proxyUrl);
    }
    _prepareRequest(method, requestUrl, headers) {
        const info = {};
        info.parsedUrl = requestUrl;
        const usingSsl = info.parsedUrl.protocol === 'https:';
        info.httpModule = usingSsl ? external_https_namespaceObject : external_http_namespaceObject;
        const defaultPort = usingSsl ? 443 : 80;
        info.options = {};
        info.options.host = info.parsedUrl.hostname;
        info.options.port = info.parsedUrl.port
            ? parseInt(info.parsedUrl.port)
            : defaultPort;
        info.options.path =
            (info.parsedUrl.pathname || '') + (info.parsedUrl.search || '');
        info.options.method = method;
        info.options.headers = this._mergeHeaders(headers);
        if (this.userAgent != null) {
            info.options.headers['user-agent'] = this.userAgent;
        }
        info.options.agent = this._getAgent(info.parsedUrl);
        // gives handlers an opportunity to participate
        if (this.handlers) {
            for (const handler of this.handlers) {
                handler.prepareRequest(info.options);
            }
        }
        return info;
    }
    _mergeHeaders(headers) {
        if (this.requestOptions && this.requestOptions.headers) {
            return Object.assign({}, lowercaseKeys(this.requestOptions.headers), lowercaseKeys(headers || {}));
        }
        return lowercaseKeys(headers || {});
    }
    /**
     * Gets an existing header value or returns a default.
     * Handles converting number header values to strings since HTTP headers must be strings.
     * Note: This returns string | string[] since some headers can have multiple values.
     * For headers that must always be a single string (like Content-Type), use the
     * specialized _getExistingOrDefaultContentTypeHeader method instead.
     */
    _getExistingOrDefaultHeader(additionalHeaders, header, _default) {
        let clientHeader;
        if (this.requestOptions && this.requestOptions.headers) {
            const headerValue = lowercaseKeys(this.requestOptions.headers)[header];
            if (headerValue) {
                clientHeader =
                    typeof headerValue === 'number' ? headerValue.toString() : headerValue;
            }
        }
        const additionalValue = additionalHeaders[header];
        if (additionalValue !== undefined) {
            return typeof additionalValue === 'number'
                ? additionalValue.toString()
                : additionalValue;
        }
        if (clientHeader !== undefined) {
            return clientHeader;
        }
        return _default;
    }
    /**
     * Specialized version of _getExistingOrDefaultHeader for Content-Type header.
     * Always returns a single string (not an array) since Content-Type should be a single value.
     * Converts arrays to comma-separated strings and numbers to strings to ensure type safety.
     * This was split from _getExistingOrDefaultHeader to provide stricter typing for callers
     * that assign the result to places expecting a string (e.g., additionalHeaders[Headers.ContentType]).
     */
    _getExistingOrDefaultContentTypeHeader(additionalHeaders, _default) {
        let clientHeader;
        if (this.requestOptions && this.requestOptions.headers) {
            const headerValue = lowercaseKeys(this.requestOptions.headers)[Headers.ContentType];
            if (headerValue) {
                if (typeof headerValue === 'number') {
                    clientHeader = String(headerValue);
                }
                else if (Array.isArray(headerValue)) {
                    clientHeader = headerValue.join(', ');
                }
                else {
                    clientHeader = headerValue;
                }
            }
        }
        const additionalValue = additionalHeaders[Headers.ContentType];
        // Return the first non-undefined value, converting numbers or arrays to strings if necessary
        if (additionalValue !== undefined) {
            if (typeof additionalValue === 'number') {
                return String(additionalValue);
            }
            else if (Array.isArray(additionalValue)) {
                return additionalValue.join(', ');
            }
            else {
                return additionalValue;
            }
        }
        if (clientHeader !== undefined) {
            return clientHeader;
        }
        return _default;
    }
    _getAgent(parsedUrl) {
        let agent;
        const proxyUrl = getProxyUrl(parsedUrl);
        const useProxy = proxyUrl && proxyUrl.hostname;
        if (this._keepAlive && useProxy) {
            agent = this._proxyAgent;
        }
        if (!useProxy) {
            agent = this._agent;
        }
        // if agent is already assigned use that agent.
        if (agent) {
            return agent;
        }
        const usingSsl = parsedUrl.protocol === 'https:';
        let maxSockets = 100;
        if (this.requestOptions) {
            maxSockets = this.requestOptions.maxSockets || external_http_.globalAgent.maxSockets;
        }
        // This is `useProxy` again, but we need to check `proxyURl` directly for TypeScripts's flow analysis.
        if (proxyUrl && proxyUrl.hostname) {
            const agentOptions = {
                maxSockets,
                keepAlive: this._keepAlive,
                proxy: Object.assign(Object.assign({}, ((proxyUrl.username || proxyUrl.password) && {
                    proxyAuth: `${proxyUrl.username}:${proxyUrl.password}`
                })), { host: proxyUrl.hostname, port: proxyUrl.port })
            };
            let tunnelAgent;
            const overHttps = proxyUrl.protocol === 'https:';
            if (usingSsl) {
                tunnelAgent = overHttps ? tunnel.httpsOverHttps : tunnel.httpsOverHttp;
            }
            else {
                tunnelAgent = overHttps ? tunnel.httpOverHttps : tunnel.httpOverHttp;
            }
            agent = tunnelAgent(agentOptions);
            this._proxyAgent = agent;
        }
        // if tunneling agent isn't assigned create a new agent
        if (!agent) {
            const options = { keepAlive: this._keepAlive, maxSockets };
            agent = usingSsl ? new external_https_.Agent(options) : new external_http_.Agent(options);
            this._agent = agent;
        }
        if (usingSsl && this._ignoreSslError) {
            // we don't want to set NODE_TLS_REJECT_UNAUTHORIZED=0 since that will affect request for entire process
            // http.RequestOptions doesn't expose a way to modify RequestOptions.agent.options
            // we have to cast it to any and change it directly
            agent.options = Object.assign(agent.options || {}, {
                rejectUnauthorized: false
            });
        }
        return agent;
    }
    _getProxyAgentDispatcher(parsedUrl, proxyUrl) {
        let proxyAgent;
        if (this._keepAlive) {
            proxyAgent = this._proxyAgentDispatcher;
        }
        // if agent is already assigned use that agent.
        if (proxyAgent) {
            return proxyAgent;
        }
        const usingSsl = parsedUrl.protocol === 'https:';
        proxyAgent = new ProxyAgent(Object.assign({ uri: proxyUrl.href, pipelining: !this._keepAlive ? 0 : 1 }, ((proxyUrl.username || proxyUrl.password) && {
            token: `Basic ${Buffer.from(`${proxyUrl.username}:${proxyUrl.password}`).toString('base64')}`
        })));
        this._proxyAgentDispatcher = proxyAgent;
        if (usingSsl && this._ignoreSslError) {
            // we don't want to set NODE_TLS_REJECT_UNAUTHORIZED=0 since that will affect request for entire process
            // http.RequestOptions doesn't expose a way to modify RequestOptions.agent.options
            // we have to cast it to any and change it directly
            proxyAgent.options = Object.assign(proxyAgent.options.requestTls || {}, {
                rejectUnauthorized: false
            });
        }
        return proxyAgent;
    }
    _getUserAgentWithOrchestrationId(userAgent) {
        const baseUserAgent = userAgent || 'actions/http-client';
        const orchId = process.env['ACTIONS_ORCHESTRATION_ID'];
        if (orchId) {
            // Sanitize the orchestration ID to ensure it contains only valid characters
            // Valid characters: 0-9, a-z, _, -, .
            const sanitizedId = orchId.replace(/[^a-z0-9_.-]/gi, '_');
            return `${baseUserAgent} actions_orchestration_id/${sanitizedId}`;
        }
        return baseUserAgent;
    }
    _performExponentialBackoff(retryNumber) {
        return __awaiter(this, void 0, void 0, function* () {
            retryNumber = Math.min(ExponentialBackoffCeiling, retryNumber);
            const ms = ExponentialBackoffTimeSlice * Math.pow(2, retryNumber);
            return new Promise(resolve => setTimeout(() => resolve(), ms));
        });
    }
    _processResponse(res, options) {
        return __awaiter(this, void 0, void 0, function* () {
            return new Promise((resolve, reject) => __awaiter(this, void 0, void 0, function* () {
                const statusCode = res.message.statusCode || 0;
                const response = {
                    statusCode,
                    result: null,
                    headers: {}
                };
                // not found leads to null obj returned
                if (statusCode === HttpCodes.NotFound) {
                    resolve(response);
                }
                // get the result from the body
                function dateTimeDeserializer(key, value) {
                    if (typeof value === 'string') {
                        const a = new Date(value);
                        if (!isNaN(a.valueOf())) {
                            return a;
                        }
                    }
                    return value;
                }
                let obj;
                let contents;
                try {
                    contents = yield res.readBody();
                    if (contents && contents.length > 0) {
                        if (options && options.deserializeDates) {
                            obj = JSON.parse(contents, dateTimeDeserializer);
                        }
                        else {
                            obj = JSON.parse(contents);
                        }
                        response.result = obj;
                    }
                    response.headers = res.message.headers;
                }
                catch (err) {
                    // Invalid resource (contents not json);  leaving result obj null
                }
                // note that 3xx redirects are handled by the http layer.
                if (statusCode > 299) {
                    let msg;
                    // if exception/error in body, attempt to get better error
                    if (obj && obj.message) {
                        msg = obj.message;
                    }
                    else if (contents && contents.length > 0) {
                        // it may be the case that the exception is in the body message as string
                        msg = contents;
                    }
                    else {
                        msg = `Failed request: (${statusCode})`;
                    }
                    const err = new HttpClientError(msg, statusCode);
                    err.result = response.result;
                    reject(err);
                }
                else {
                    resolve(response);
                }
            }));
        });
    }
}
const lowercaseKeys = (obj) => Object.keys(obj).reduce((c, k) => ((c[k.toLowerCase()] = obj[k]), c), {});
//# sourceMappingURL=index.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/http-client/lib/auth.js
var auth_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};
class BasicCredentialHandler {
    constructor(username, password) {
        this.username = username;
        this.password = password;
    }
    prepareRequest(options) {
        if (!options.headers) {
            throw Error('The request has no headers');
        }
        options.headers['Authorization'] = `Basic ${Buffer.from(`${this.username}:${this.password}`).toString('base64')}`;
    }
    // This handler cannot handle 401
    canHandleAuthentication() {
        return false;
    }
    handleAuthentication() {
        return auth_awaiter(this, void 0, void 0, function* () {
            throw new Error('not implemented');
        });
    }
}
class auth_BearerCredentialHandler {
    constructor(token) {
        this.token = token;
    }
    // currently implements pre-authorization
    // TODO: support preAuth = false where it hooks on 401
    prepareRequest(options) {
        if (!options.headers) {
            throw Error('The request has no headers');
        }
        options.headers['Authorization'] = `Bearer ${this.token}`;
    }
    // This handler cannot handle 401
    canHandleAuthentication() {
        return false;
    }
    handleAuthentication() {
        return auth_awaiter(this, void 0, void 0, function* () {
            throw new Error('not implemented');
        });
    }
}
class PersonalAccessTokenCredentialHandler {
    constructor(token) {
        this.token = token;
    }
    // currently implements pre-authorization
    // TODO: support preAuth = false where it hooks on 401
    prepareRequest(options) {
        if (!options.headers) {
            throw Error('The request has no headers');
        }
        options.headers['Authorization'] = `Basic ${Buffer.from(`PAT:${this.token}`).toString('base64')}`;
    }
    // This handler cannot handle 401
    canHandleAuthentication() {
        return false;
    }
    handleAuthentication() {
        return auth_awaiter(this, void 0, void 0, function* () {
            throw new Error('not implemented');
        });
    }
}
//# sourceMappingURL=auth.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/oidc-utils.js
var oidc_utils_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};



class oidc_utils_OidcClient {
    static createHttpClient(allowRetry = true, maxRetry = 10) {
        const requestOptions = {
            allowRetries: allowRetry,
            maxRetries: maxRetry
        };
        return new HttpClient('actions/oidc-client', [new BearerCredentialHandler(oidc_utils_OidcClient.getRequestToken())], requestOptions);
    }
    static getRequestToken() {
        const token = process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
        if (!token) {
            throw new Error('Unable to get ACTIONS_ID_TOKEN_REQUEST_TOKEN env variable');
        }
        return token;
    }
    static getIDTokenUrl() {
        const runtimeUrl = process.env['ACTIONS_ID_TOKEN_REQUEST_URL'];
        if (!runtimeUrl) {
            throw new Error('Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable');
        }
        return runtimeUrl;
    }
    static getCall(id_token_url) {
        return oidc_utils_awaiter(this, void 0, void 0, function* () {
            var _a;
            const httpclient = oidc_utils_OidcClient.createHttpClient();
            const res = yield httpclient
                .getJson(id_token_url)
                .catch(error => {
                throw new Error(`Failed to get ID Token. \n 
        Error Code : ${error.statusCode}\n 
        Error Message: ${error.message}`);
            });
            const id_token = (_a = res.result) === null || _a === void 0 ? void 0 : _a.value;
            if (!id_token) {
                throw new Error('Response json body do not have ID Token field');
            }
            return id_token;
        });
    }
    static getIDToken(audience) {
        return oidc_utils_awaiter(this, void 0, void 0, function* () {
            try {
                // New ID Token is requested from action service
                let id_token_url = oidc_utils_OidcClient.getIDTokenUrl();
                if (audience) {
                    const encodedAudience = encodeURIComponent(audience);
                    id_token_url = `${id_token_url}&audience=${encodedAudience}`;
                }
                debug(`ID token url is ${id_token_url}`);
                const id_token = yield oidc_utils_OidcClient.getCall(id_token_url);
                setSecret(id_token);
                return id_token;
            }
            catch (error) {
                throw new Error(`Error message: ${error.message}`);
            }
        });
    }
}
//# sourceMappingURL=oidc-utils.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/summary.js
var summary_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};


const { access, appendFile, writeFile } = external_fs_namespaceObject.promises;
const SUMMARY_ENV_VAR = 'GITHUB_STEP_SUMMARY';
const SUMMARY_DOCS_URL = 'https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-job-summary';
class Summary {
    constructor() {
        this._buffer = '';
    }
    /**
     * Finds the summary file path from the environment, rejects if env var is not found or file does not exist
     * Also checks r/w permissions.
     *
     * @returns step summary file path
     */
    filePath() {
        return summary_awaiter(this, void 0, void 0, function* () {
            if (this._filePath) {
                return this._filePath;
            }
            const pathFromEnv = process.env[SUMMARY_ENV_VAR];
            if (!pathFromEnv) {
                throw new Error(`Unable to find environment variable for $${SUMMARY_ENV_VAR}. Check if your runtime environment supports job summaries.`);
            }
            try {
                yield access(pathFromEnv, external_fs_namespaceObject.constants.R_OK | external_fs_namespaceObject.constants.W_OK);
            }
            catch (_a) {
                throw new Error(`Unable to access summary file: '${pathFromEnv}'. Check if the file has correct read/write permissions.`);
            }
            this._filePath = pathFromEnv;
            return this._filePath;
        });
    }
    /**
     * Wraps content in an HTML tag, adding any HTML attributes
     *
     * @param {string} tag HTML tag to wrap
     * @param {string | null} content content within the tag
     * @param {[attribute: string]: string} attrs key-value list of HTML attributes to add
     *
     * @returns {string} content wrapped in HTML element
     */
    wrap(tag, content, attrs = {}) {
        const htmlAttrs = Object.entries(attrs)
            .map(([key, value]) => ` ${key}="${value}"`)
            .join('');
        if (!content) {
            return `<${tag}${htmlAttrs}>`;
        }
        return `<${tag}${htmlAttrs}>${content}</${tag}>`;
    }
    /**
     * Writes text in the buffer to the summary buffer file and empties buffer. Will append by default.
     *
     * @param {SummaryWriteOptions} [options] (optional) options for write operation
     *
     * @returns {Promise<Summary>} summary instance
     */
    write(options) {
        return summary_awaiter(this, void 0, void 0, function* () {
            const overwrite = !!(options === null || options === void 0 ? void 0 : options.overwrite);
            const filePath = yield this.filePath();
            const writeFunc = overwrite ? writeFile : appendFile;
            yield writeFunc(filePath, this._buffer, { encoding: 'utf8' });
            return this.emptyBuffer();
        });
    }
    /**
     * Clears the summary buffer and wipes the summary file
     *
     * @returns {Summary} summary instance
     */
    clear() {
        return summary_awaiter(this, void 0, void 0, function* () {
            return this.emptyBuffer().write({ overwrite: true });
        });
    }
    /**
     * Returns the current summary buffer as a string
     *
     * @returns {string} string of summary buffer
     */
    stringify() {
        return this._buffer;
    }
    /**
     * If the summary buffer is empty
     *
     * @returns {boolen} true if the buffer is empty
     */
    isEmptyBuffer() {
        return this._buffer.length === 0;
    }
    /**
     * Resets the summary buffer without writing to summary file
     *
     * @returns {Summary} summary instance
     */
    emptyBuffer() {
        this._buffer = '';
        return this;
    }
    /**
     * Adds raw text to the summary buffer
     *
     * @param {string} text content to add
     * @param {boolean} [addEOL=false] (optional) append an EOL to the raw text (default: false)
     *
     * @returns {Summary} summary instance
     */
    addRaw(text, addEOL = false) {
        this._buffer += text;
        return addEOL ? this.addEOL() : this;
    }
    /**
     * Adds the operating system-specific end-of-line marker to the buffer
     *
     * @returns {Summary} summary instance
     */
    addEOL() {
        return this.addRaw(external_os_namespaceObject.EOL);
    }
    /**
     * Adds an HTML codeblock to the summary buffer
     *
     * @param {string} code content to render within fenced code block
     * @param {string} lang (optional) language to syntax highlight code
     *
     * @returns {Summary} summary instance
     */
    addCodeBlock(code, lang) {
        const attrs = Object.assign({}, (lang && { lang }));
        const element = this.wrap('pre', this.wrap('code', code), attrs);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML list to the summary buffer
     *
     * @param {string[]} items list of items to render
     * @param {boolean} [ordered=false] (optional) if the rendered list should be ordered or not (default: false)
     *
     * @returns {Summary} summary instance
     */
    addList(items, ordered = false) {
        const tag = ordered ? 'ol' : 'ul';
        const listItems = items.map(item => this.wrap('li', item)).join('');
        const element = this.wrap(tag, listItems);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML table to the summary buffer
     *
     * @param {SummaryTableCell[]} rows table rows
     *
     * @returns {Summary} summary instance
     */
    addTable(rows) {
        const tableBody = rows
            .map(row => {
            const cells = row
                .map(cell => {
                if (typeof cell === 'string') {
                    return this.wrap('td', cell);
                }
                const { header, data, colspan, rowspan } = cell;
                const tag = header ? 'th' : 'td';
                const attrs = Object.assign(Object.assign({}, (colspan && { colspan })), (rowspan && { rowspan }));
                return this.wrap(tag, data, attrs);
            })
                .join('');
            return this.wrap('tr', cells);
        })
            .join('');
        const element = this.wrap('table', tableBody);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds a collapsable HTML details element to the summary buffer
     *
     * @param {string} label text for the closed state
     * @param {string} content collapsable content
     *
     * @returns {Summary} summary instance
     */
    addDetails(label, content) {
        const element = this.wrap('details', this.wrap('summary', label) + content);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML image tag to the summary buffer
     *
     * @param {string} src path to the image you to embed
     * @param {string} alt text description of the image
     * @param {SummaryImageOptions} options (optional) addition image attributes
     *
     * @returns {Summary} summary instance
     */
    addImage(src, alt, options) {
        const { width, height } = options || {};
        const attrs = Object.assign(Object.assign({}, (width && { width })), (height && { height }));
        const element = this.wrap('img', null, Object.assign({ src, alt }, attrs));
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML section heading element
     *
     * @param {string} text heading text
     * @param {number | string} [level=1] (optional) the heading level, default: 1
     *
     * @returns {Summary} summary instance
     */
    addHeading(text, level) {
        const tag = `h${level}`;
        const allowedTag = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].includes(tag)
            ? tag
            : 'h1';
        const element = this.wrap(allowedTag, text);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML thematic break (<hr>) to the summary buffer
     *
     * @returns {Summary} summary instance
     */
    addSeparator() {
        const element = this.wrap('hr', null);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML line break (<br>) to the summary buffer
     *
     * @returns {Summary} summary instance
     */
    addBreak() {
        const element = this.wrap('br', null);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML blockquote to the summary buffer
     *
     * @param {string} text quote text
     * @param {string} cite (optional) citation url
     *
     * @returns {Summary} summary instance
     */
    addQuote(text, cite) {
        const attrs = Object.assign({}, (cite && { cite }));
        const element = this.wrap('blockquote', text, attrs);
        return this.addRaw(element).addEOL();
    }
    /**
     * Adds an HTML anchor tag to the summary buffer
     *
     * @param {string} text link text/content
     * @param {string} href hyperlink
     *
     * @returns {Summary} summary instance
     */
    addLink(text, href) {
        const element = this.wrap('a', text, { href });
        return this.addRaw(element).addEOL();
    }
}
const _summary = new Summary();
/**
 * @deprecated use `core.summary`
 */
const markdownSummary = (/* unused pure expression or super */ null && (_summary));
const summary_summary = _summary;
//# sourceMappingURL=summary.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/path-utils.js

/**
 * toPosixPath converts the given path to the posix form. On Windows, \\ will be
 * replaced with /.
 *
 * @param pth. Path to transform.
 * @return string Posix path.
 */
function toPosixPath(pth) {
    return pth.replace(/[\\]/g, '/');
}
/**
 * toWin32Path converts the given path to the win32 form. On Linux, / will be
 * replaced with \\.
 *
 * @param pth. Path to transform.
 * @return string Win32 path.
 */
function toWin32Path(pth) {
    return pth.replace(/[/]/g, '\\');
}
/**
 * toPlatformPath converts the given path to a platform-specific path. It does
 * this by replacing instances of / and \ with the platform-specific path
 * separator.
 *
 * @param pth The path to platformize.
 * @return string The platform-specific path.
 */
function toPlatformPath(pth) {
    return pth.replace(/[/\\]/g, path.sep);
}
//# sourceMappingURL=path-utils.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/platform.js
var platform_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};


const getWindowsInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    const { stdout: version } = yield exec.getExecOutput('powershell -command "(Get-CimInstance -ClassName Win32_OperatingSystem).Version"', undefined, {
        silent: true
    });
    const { stdout: name } = yield exec.getExecOutput('powershell -command "(Get-CimInstance -ClassName Win32_OperatingSystem).Caption"', undefined, {
        silent: true
    });
    return {
        name: name.trim(),
        version: version.trim()
    };
});
const getMacOsInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    var _a, _b, _c, _d;
    const { stdout } = yield exec.getExecOutput('sw_vers', undefined, {
        silent: true
    });
    const version = (_b = (_a = stdout.match(/ProductVersion:\s*(.+)/)) === null || _a === void 0 ? void 0 : _a[1]) !== null && _b !== void 0 ? _b : '';
    const name = (_d = (_c = stdout.match(/ProductName:\s*(.+)/)) === null || _c === void 0 ? void 0 : _c[1]) !== null && _d !== void 0 ? _d : '';
    return {
        name,
        version
    };
});
const getLinuxInfo = () => platform_awaiter(void 0, void 0, void 0, function* () {
    const { stdout } = yield exec.getExecOutput('lsb_release', ['-i', '-r', '-s'], {
        silent: true
    });
    const [name, version] = stdout.trim().split('\n');
    return {
        name,
        version
    };
});
const platform = external_os_namespaceObject.platform();
const arch = external_os_namespaceObject.arch();
const isWindows = platform === 'win32';
const isMacOS = platform === 'darwin';
const isLinux = platform === 'linux';
function getDetails() {
    return platform_awaiter(this, void 0, void 0, function* () {
        return Object.assign(Object.assign({}, (yield (isWindows
            ? getWindowsInfo()
            : isMacOS
                ? getMacOsInfo()
                : getLinuxInfo()))), { platform,
            arch,
            isWindows,
            isMacOS,
            isLinux });
    });
}
//# sourceMappingURL=platform.js.map
;// CONCATENATED MODULE: ./node_modules/@actions/core/lib/core.js
var core_awaiter = (undefined && undefined.__awaiter) || function (thisArg, _arguments, P, generator) {
    function adopt(value) { return value instanceof P ? value : new P(function (resolve) { resolve(value); }); }
    return new (P || (P = Promise))(function (resolve, reject) {
        function fulfilled(value) { try { step(generator.next(value)); } catch (e) { reject(e); } }
        function rejected(value) { try { step(generator["throw"](value)); } catch (e) { reject(e); } }
        function step(result) { result.done ? resolve(result.value) : adopt(result.value).then(fulfilled, rejected); }
        step((generator = generator.apply(thisArg, _arguments || [])).next());
    });
};






/**
 * The code to exit an action
 */
var ExitCode;
(function (ExitCode) {
    /**
     * A code indicating that the action was successful
     */
    ExitCode[ExitCode["Success"] = 0] = "Success";
    /**
     * A code indicating that the action was a failure
     */
    ExitCode[ExitCode["Failure"] = 1] = "Failure";
})(ExitCode || (ExitCode = {}));
//-----------------------------------------------------------------------
// Variables
//-----------------------------------------------------------------------
/**
 * Sets env variable for this action and future actions in the job
 * @param name the name of the variable to set
 * @param val the value of the variable. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function exportVariable(name, val) {
    const convertedVal = toCommandValue(val);
    process.env[name] = convertedVal;
    const filePath = process.env['GITHUB_ENV'] || '';
    if (filePath) {
        return issueFileCommand('ENV', prepareKeyValueMessage(name, val));
    }
    issueCommand('set-env', { name }, convertedVal);
}
/**
 * Registers a secret which will get masked from logs
 *
 * @param secret - Value of the secret to be masked
 * @remarks
 * This function instructs the Actions runner to mask the specified value in any
 * logs produced during the workflow run. Once registered, the secret value will
 * be replaced with asterisks (***) whenever it appears in console output, logs,
 * or error messages.
 *
 * This is useful for protecting sensitive information such as:
 * - API keys
 * - Access tokens
 * - Authentication credentials
 * - URL parameters containing signatures (SAS tokens)
 *
 * Note that masking only affects future logs; any previous appearances of the
 * secret in logs before calling this function will remain unmasked.
 *
 * @example
 * ```typescript
 * // Register an API token as a secret
 * const apiToken = "abc123xyz456";
 * setSecret(apiToken);
 *
 * // Now any logs containing this value will show *** instead
 * console.log(`Using token: ${apiToken}`); // Outputs: "Using token: ***"
 * ```
 */
function core_setSecret(secret) {
    command_issueCommand('add-mask', {}, secret);
}
/**
 * Prepends inputPath to the PATH (for this action and future actions)
 * @param inputPath
 */
function addPath(inputPath) {
    const filePath = process.env['GITHUB_PATH'] || '';
    if (filePath) {
        issueFileCommand('PATH', inputPath);
    }
    else {
        issueCommand('add-path', {}, inputPath);
    }
    process.env['PATH'] = `${inputPath}${path.delimiter}${process.env['PATH']}`;
}
/**
 * Gets the value of an input.
 * Unless trimWhitespace is set to false in InputOptions, the value is also trimmed.
 * Returns an empty string if the value is not defined.
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   string
 */
function getInput(name, options) {
    const val = process.env[`INPUT_${name.replace(/ /g, '_').toUpperCase()}`] || '';
    if (options && options.required && !val) {
        throw new Error(`Input required and not supplied: ${name}`);
    }
    if (options && options.trimWhitespace === false) {
        return val;
    }
    return val.trim();
}
/**
 * Gets the values of an multiline input.  Each value is also trimmed.
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   string[]
 *
 */
function getMultilineInput(name, options) {
    const inputs = getInput(name, options)
        .split('\n')
        .filter(x => x !== '');
    if (options && options.trimWhitespace === false) {
        return inputs;
    }
    return inputs.map(input => input.trim());
}
/**
 * Gets the input value of the boolean type in the YAML 1.2 "core schema" specification.
 * Support boolean input list: `true | True | TRUE | false | False | FALSE` .
 * The return value is also in boolean type.
 * ref: https://yaml.org/spec/1.2/spec.html#id2804923
 *
 * @param     name     name of the input to get
 * @param     options  optional. See InputOptions.
 * @returns   boolean
 */
function getBooleanInput(name, options) {
    const trueValue = ['true', 'True', 'TRUE'];
    const falseValue = ['false', 'False', 'FALSE'];
    const val = getInput(name, options);
    if (trueValue.includes(val))
        return true;
    if (falseValue.includes(val))
        return false;
    throw new TypeError(`Input does not meet YAML 1.2 "Core Schema" specification: ${name}\n` +
        `Support boolean input list: \`true | True | TRUE | false | False | FALSE\``);
}
/**
 * Sets the value of an output.
 *
 * @param     name     name of the output to set
 * @param     value    value to store. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function setOutput(name, value) {
    const filePath = process.env['GITHUB_OUTPUT'] || '';
    if (filePath) {
        return file_command_issueFileCommand('OUTPUT', file_command_prepareKeyValueMessage(name, value));
    }
    process.stdout.write(external_os_namespaceObject.EOL);
    command_issueCommand('set-output', { name }, utils_toCommandValue(value));
}
/**
 * Enables or disables the echoing of commands into stdout for the rest of the step.
 * Echoing is disabled by default if ACTIONS_STEP_DEBUG is not set.
 *
 */
function setCommandEcho(enabled) {
    issue('echo', enabled ? 'on' : 'off');
}
//-----------------------------------------------------------------------
// Results
//-----------------------------------------------------------------------
/**
 * Sets the action status to failed.
 * When the action exits it will be with an exit code of 1
 * @param message add error issue message
 */
function setFailed(message) {
    process.exitCode = ExitCode.Failure;
    error(message);
}
//-----------------------------------------------------------------------
// Logging Commands
//-----------------------------------------------------------------------
/**
 * Gets whether Actions Step Debug is on or not
 */
function isDebug() {
    return process.env['RUNNER_DEBUG'] === '1';
}
/**
 * Writes debug message to user log
 * @param message debug message
 */
function core_debug(message) {
    command_issueCommand('debug', {}, message);
}
/**
 * Adds an error issue
 * @param message error issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function error(message, properties = {}) {
    command_issueCommand('error', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a warning issue
 * @param message warning issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function warning(message, properties = {}) {
    command_issueCommand('warning', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Adds a notice issue
 * @param message notice issue message. Errors will be converted to string via toString()
 * @param properties optional properties to add to the annotation.
 */
function notice(message, properties = {}) {
    command_issueCommand('notice', toCommandProperties(properties), message instanceof Error ? message.toString() : message);
}
/**
 * Writes info to log with console.log.
 * @param message info message
 */
function info(message) {
    process.stdout.write(message + external_os_namespaceObject.EOL);
}
/**
 * Begin an output group.
 *
 * Output until the next `groupEnd` will be foldable in this group
 *
 * @param name The name of the output group
 */
function startGroup(name) {
    issue('group', name);
}
/**
 * End an output group.
 */
function endGroup() {
    issue('endgroup');
}
/**
 * Wrap an asynchronous function call in a group.
 *
 * Returns the same type as the function itself.
 *
 * @param name The name of the group
 * @param fn The function to wrap in the group
 */
function group(name, fn) {
    return core_awaiter(this, void 0, void 0, function* () {
        startGroup(name);
        let result;
        try {
            result = yield fn();
        }
        finally {
            endGroup();
        }
        return result;
    });
}
//-----------------------------------------------------------------------
// Wrapper action state
//-----------------------------------------------------------------------
/**
 * Saves state for current action, the state can only be retrieved by this action's post job execution.
 *
 * @param     name     name of the state to store
 * @param     value    value to store. Non-string values will be converted to a string via JSON.stringify
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
function saveState(name, value) {
    const filePath = process.env['GITHUB_STATE'] || '';
    if (filePath) {
        return file_command_issueFileCommand('STATE', file_command_prepareKeyValueMessage(name, value));
    }
    command_issueCommand('save-state', { name }, utils_toCommandValue(value));
}
/**
 * Gets the value of an state set by this action's main execution.
 *
 * @param     name     name of the state to get
 * @returns   string
 */
function getState(name) {
    return process.env[`STATE_${name}`] || '';
}
function getIDToken(aud) {
    return core_awaiter(this, void 0, void 0, function* () {
        return yield OidcClient.getIDToken(aud);
    });
}
/**
 * Summary exports
 */

/**
 * @deprecated use core.summary
 */

/**
 * Path exports
 */

/**
 * Platform utilities exports
 */

//# sourceMappingURL=core.js.map
;// CONCATENATED MODULE: ./src/runner/intent.ts





const KEY = 'intent';
const MAX_LENGTH = 128 * 1024 - 64;
function saveIntent(restore, state, targets, isClaimed = false) {
    if (restore === 'never') {
        return;
    }
    const groups = Map.groupBy(targets, ({ backend, before }) => JSON.stringify([backend.instance.name, backend.name, ownAdminState(before) ?? 'ready']));
    const backends = [...groups].map(([key, group]) => {
        const [url, backend, previous] = JSON.parse(key);
        return { url, backend, previous, servers: group.map(({ before }) => before.name) };
    });
    const ageMs = ageOfRequests(targets);
    const instances = instancesOf(backendsOf(targets)).map(({ name, process, clock }) => ({
        url: name,
        process: process && {
            pid: process.pid,
            uptimeMs: Math.round(clock.now() - ageMs - process.startedAt)
        }
    }));
    const intent = {
        restore,
        state,
        isClaimed,
        at: Math.round(Date.now() - ageMs),
        instances,
        backends
    };
    if (Buffer.byteLength(JSON.stringify(intent)) > MAX_LENGTH) {
        throw new HaproxyError('too-many-servers', `The step names ${count(targets.length, 'server')}, more than the runner can hand to the post step that is to restore them.`, { advice: 'Name fewer servers at a time, or leave restore at never.' });
    }
    saveState(KEY, intent);
}
function ageOfRequests(targets) {
    const ages = targets
        .filter(({ change }) => change.state !== undefined)
        .map(({ change, backend }) => backend.instance.clock.now() - change.at);
    return ages.length === 0 ? 0 : Math.min(...ages);
}
function ageOf({ at, instances }, { name, process, clock }) {
    const before = instances.find(({ url }) => url === name)?.process;
    const uptimeMs = process === undefined ? undefined : clock.now() - process.startedAt;
    return before !== undefined &&
        uptimeMs !== undefined &&
        process?.pid === before.pid &&
        uptimeMs >= before.uptimeMs
        ? uptimeMs - before.uptimeMs
        : Date.now() - at;
}
function readIntent() {
    const text = getState(KEY);
    return text === '' ? undefined : JSON.parse(text);
}

;// CONCATENATED MODULE: ./src/perform.ts
















async function perform(inputs, search, context) {
    const { action } = inputs;
    const find = async () => {
        const found = await search();
        refuseUnknownStatus(targetsOf(found.backends));
        return found;
    };
    switch (action) {
        case 'drain':
        case 'maint':
            return performTakeOut({ ...inputs, action }, find, context);
        case 'ready':
            return performBringBack(inputs, await find(), context);
        case 'status':
            return observe(inputs, await find());
        default:
            return performCommand(action, inputs, await find(), context);
    }
}
function observe({ expect }, { backends }) {
    if (expect === undefined) {
        return { kind: 'observed' };
    }
    refuseIfNotAllUp(targetsOf(backends));
    return { kind: 'all up' };
}
async function performCommand(action, { dryRun: isDryRun }, { backends }, context) {
    if (isDryRun) {
        const plan = { kind: 'command', command: action, targets: targetsOf(backends) };
        return dryRun(backends, plan, context);
    }
    await command(action, backends, context);
    return { kind: 'commanded' };
}
async function performTakeOut(inputs, search, context) {
    const { action, minUp, restore } = inputs;
    const { found, isClaimed } = await turnOf(inputs, search, context);
    const { backends, shared } = found;
    if (shared.otherPort.length > 0) {
        context.log.notice(...alsoOnHost(shared.otherPort));
    }
    const targets = targetsToTakeOut(backends, action);
    const mustWait = inputs.dryRun && inputs.minUpTimeoutMs > 0 && mayWait(backends, minUp);
    if (!isClaimed && !mustWait) {
        guard(backendsAtStake(backends), minUp);
    }
    if (inputs.dryRun) {
        const turnMs = mustWait ? inputs.minUpTimeoutMs : undefined;
        return dryRun(backends, { kind: 'take out', state: action, targets, turnMs }, context);
    }
    const { isAwaited, onTimeout } = inputs;
    if (!isClaimed && isAwaited && (onTimeout === 'fail' || onTimeout === 'restore')) {
        refuseIfOldProcessOutlasts(instancesOf(backends), inputs);
    }
    saveIntent(restore, action, targets, isClaimed);
    try {
        const options = { ...inputs, state: action, isClaimed, shared };
        return await takeOut(backends, options, context);
    }
    finally {
        const moved = targets.filter(isMoved);
        saveIntent(restore, action, moved, moved.some(({ change }) => change.orElse === 'drain'));
    }
}
async function turnOf({ minUp, minUpTimeoutMs, wait, sameAddress, restore, dryRun: isDryRun }, search, context) {
    const find = async () => {
        const found = await search();
        if (sameAddress === 'refuse') {
            refuseSharedAddresses(found.shared);
        }
        return found;
    };
    if (isDryRun || minUpTimeoutMs === 0) {
        return { found: await find(), isClaimed: false };
    }
    const { pollMs } = wait;
    let claimed = [];
    const onClaim = (targets) => {
        claimed = targets;
        saveIntent(restore, 'drain', targets);
    };
    try {
        return await takeTurn(find, { minUp, timeoutMs: minUpTimeoutMs, pollMs, onClaim }, context);
    }
    catch (error) {
        saveIntent(restore, 'drain', claimed.filter(isMoved));
        throw error;
    }
}
async function performBringBack(inputs, { backends }, context) {
    refuseIfNotReturnable(targetsOf(backends), inputs.isAwaited);
    if (inputs.dryRun) {
        const bakeMs = inputs.isAwaited ? inputs.bakeMs : 0;
        const plan = { kind: 'bring back', routes: routesOf(backends, inputs), bakeMs };
        return dryRun(backends, plan, context);
    }
    const outcome = await bringBack(backends, inputs, context);
    return outcome.kind === 'up' && inputs.bakeMs > 0 ? bake(backends, inputs, context) : outcome;
}
async function dryRun(backends, plan, context) {
    await checkAdminAccess(backends, context);
    return { kind: 'dry run', plan };
}

;// CONCATENATED MODULE: external "node:net"
const external_node_net_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:net");
;// CONCATENATED MODULE: ./node_modules/leven/index.js
const array = [];
const characterCodeCache = [];

function leven(first, second, options) {
	if (first === second) {
		return 0;
	}

	const maxDistance = options?.maxDistance;
	const swap = first;

	// Swapping the strings if `a` is longer than `b` so we know which one is the
	// shortest & which one is the longest
	if (first.length > second.length) {
		first = second;
		second = swap;
	}

	let firstLength = first.length;
	let secondLength = second.length;

	// Performing suffix trimming:
	// We can linearly drop suffix common to both strings since they
	// don't increase distance at all
	// Note: `~-` is the bitwise way to perform a `- 1` operation
	while (firstLength > 0 && (first.charCodeAt(~-firstLength) === second.charCodeAt(~-secondLength))) {
		firstLength--;
		secondLength--;
	}

	// Performing prefix trimming
	// We can linearly drop prefix common to both strings since they
	// don't increase distance at all
	let start = 0;

	while (start < firstLength && (first.charCodeAt(start) === second.charCodeAt(start))) {
		start++;
	}

	firstLength -= start;
	secondLength -= start;

	// Early termination after trimming: if difference in length exceeds max distance
	if (maxDistance !== undefined && secondLength - firstLength > maxDistance) {
		return maxDistance;
	}

	if (firstLength === 0) {
		return maxDistance !== undefined && secondLength > maxDistance
			? maxDistance
			: secondLength;
	}

	let bCharacterCode;
	let result;
	let temporary;
	let temporary2;
	let index = 0;
	let index2 = 0;

	while (index < firstLength) {
		characterCodeCache[index] = first.charCodeAt(start + index);
		array[index] = ++index;
	}

	while (index2 < secondLength) {
		bCharacterCode = second.charCodeAt(start + index2);
		temporary = index2++;
		result = index2;

		for (index = 0; index < firstLength; index++) {
			temporary2 = bCharacterCode === characterCodeCache[index] ? temporary : temporary + 1;
			temporary = array[index];
			// eslint-disable-next-line no-multi-assign
			result = array[index] = temporary > result
				? (temporary2 > result ? result + 1 : temporary2)
				: (temporary2 > temporary ? temporary + 1 : temporary2);
		}

		// Early termination: if all values in current row exceed maxDistance
		if (maxDistance !== undefined) {
			let rowMinimum = result;
			for (index = 0; index < firstLength; index++) {
				if (array[index] < rowMinimum) {
					rowMinimum = array[index];
				}
			}

			if (rowMinimum > maxDistance) {
				return maxDistance;
			}
		}
	}

	// Bound arrays to avoid retaining large previous sizes
	array.length = firstLength;
	characterCodeCache.length = firstLength;

	return maxDistance !== undefined && result > maxDistance ? maxDistance : result;
}

function closestMatch(target, candidates, options) {
	if (!Array.isArray(candidates) || candidates.length === 0) {
		return undefined;
	}

	const userMax = options?.maxDistance;
	const targetLength = target.length;

	// Exact match fast-path
	for (const candidate of candidates) {
		if (candidate === target) {
			return candidate;
		}
	}

	if (userMax === 0) {
		return undefined;
	}

	let best;
	let bestDist = Number.POSITIVE_INFINITY;
	const seen = new Set();

	for (const candidate of candidates) {
		if (seen.has(candidate)) {
			continue;
		}

		seen.add(candidate);

		const lengthDiff = Math.abs(candidate.length - targetLength);
		if (lengthDiff >= bestDist) {
			continue;
		}

		if (userMax !== undefined && lengthDiff > userMax) {
			continue;
		}

		const cap = Number.isFinite(bestDist)
			? (userMax === undefined ? bestDist : Math.min(bestDist, userMax))
			: userMax;

		const distance = cap === undefined
			? leven(target, candidate)
			: leven(target, candidate, {maxDistance: cap});

		// Skip candidates that exceed the user's maximum distance
		if (userMax !== undefined && distance > userMax) {
			continue;
		}

		// If we got a capped result that equals the cap, we need the actual distance
		// for accurate comparison, but only if the cap was due to userMax
		let actualD = distance;
		if (cap !== undefined && distance === cap && cap === userMax) {
			actualD = leven(target, candidate);
		}

		if (actualD < bestDist) {
			bestDist = actualD;
			best = candidate;
			if (bestDist === 0) {
				break;
			}
		}
	}

	if (userMax !== undefined && bestDist > userMax) {
		return undefined;
	}

	return best;
}

;// CONCATENATED MODULE: ./src/rotation/unknown-names.ts


function noBackend(instance, name, servers, everything) {
    const what = `The statistics page ${instance.name} shows no backend ${name}`;
    if (everything.proxies.has(name)) {
        return new HaproxyError('unknown-backend', `${what}: ${name} is a frontend.`, {
            advice: 'Name the backend that the frontend sends its traffic to.'
        });
    }
    const names = [...everything.proxies]
        .filter(([, kinds]) => kinds.has('backend'))
        .map(([proxy]) => proxy);
    const meant = everything.servers.find((server) => server.name === name && servers !== 'every' && servers.includes(server.backend));
    if (meant !== undefined) {
        return new HaproxyError('unknown-backend', `${what}, but ${meant.backend} is a backend, and ${name} a server in it: backend and server seem to be swapped.`, { advice: 'Swap the two.' });
    }
    return new HaproxyError('unknown-backend', `${what}; ${listOf('backend', names, name)}`);
}
const unknown_names_MAX_LISTED = 20;
function listOf(kind, names, wanted) {
    if (names.length === 0) {
        return `it shows no ${kind} at all.`;
    }
    const nearest = closestTo(wanted, names);
    const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    const listed = names.slice(0, unknown_names_MAX_LISTED).join(', ');
    const more = names.length > unknown_names_MAX_LISTED ? ` and ${names.length - unknown_names_MAX_LISTED} more` : '';
    return `there are the ${kind}s ${listed}${more}.${meant}`;
}
function closestTo(wanted, names) {
    const sought = wanted.toLowerCase();
    const byDistance = Map.groupBy(names, (name) => leven(sought, name.toLowerCase()));
    const least = Math.min(...byDistance.keys());
    const [nearest = '', ...asNear] = byDistance.get(least) ?? [];
    const isOtherNumber = least > 0 && lettersOf(nearest.toLowerCase()) === lettersOf(sought);
    const isSimilar = least <= Math.ceil(wanted.length / 2) && least < wanted.length;
    return isSimilar && asNear.length === 0 && !isOtherNumber ? nearest : undefined;
}
function addressHint(wanted, servers) {
    if (!/^\d+\.\d+\.\d+\.\d+$|:\d+$/.test(wanted)) {
        return undefined;
    }
    const [only, ...others] = servers.filter(({ address }) => address !== undefined && [address.host, `${address.host}:${address.port}`].includes(wanted));
    const found = only !== undefined && others.length === 0 ? `: that is ${only.name}` : '';
    return `That looks like an address, but its name in haproxy.cfg is needed${found}.`;
}
function lettersOf(name) {
    return name.replaceAll(/\d/g, '');
}

;// CONCATENATED MODULE: ./src/rotation/find-targets.ts




async function findInNamed(instance, names, servers, look) {
    const parts = await settleAll(names, async (name) => {
        const snapshot = await look(name);
        return isBackend(snapshot, name)
            ? findInBackend(instance, name, servers, snapshot)
            : { backends: [], missing: [noBackend(instance, name, servers, await look())] };
    });
    return {
        backends: parts.flatMap(({ backends }) => backends),
        missing: parts.flatMap(({ missing }) => missing)
    };
}
function findInBackend(instance, name, servers, snapshot) {
    const names = namesIn(snapshot, name);
    if (servers === 'every') {
        return names.length > 0
            ? { backends: [new Backend(instance, name, { targets: names }, snapshot)], missing: [] }
            : {
                backends: [],
                missing: [noServer(`The backend ${name} on ${instance.name} has no server`)]
            };
    }
    const missing = servers
        .filter((server) => !names.includes(server))
        .map((server) => {
        const kind = /^(FRONTEND|BACKEND)$/.test(server) ? ' (that is a row for the whole proxy)' : '';
        const what = `The backend ${name} on ${instance.name} has no server ${server}${kind}`;
        return noSuchServer(what, server, snapshot.servers.filter(({ backend }) => backend === name));
    });
    return {
        backends: missing.length > 0 ? [] : [new Backend(instance, name, { targets: servers }, snapshot)],
        missing
    };
}
function findInEvery(instance, servers, snapshot) {
    if (servers === 'every') {
        return findAll(instance, snapshot);
    }
    const found = snapshot.servers.filter(({ name }) => servers.includes(name));
    const missing = servers
        .filter((server) => !found.some(({ name }) => name === server))
        .map((server) => {
        const what = `No backend on ${instance.name} has a server ${server}`;
        return noSuchServer(what, server, snapshot.servers);
    });
    return {
        backends: [...new Set(found.map(({ backend }) => backend))].map((name) => new Backend(instance, name, { targets: servers }, snapshot)),
        missing
    };
}
function findAll(instance, snapshot) {
    const groups = Map.groupBy(snapshot.servers, ({ backend }) => backend);
    const backends = [...groups].map(([name, servers]) => {
        const targets = servers.map((server) => server.name);
        return new Backend(instance, name, { targets }, { ...snapshot, servers });
    });
    const missing = [noServer(`The statistics page ${instance.name} shows no server`)];
    return { backends, missing: backends.length > 0 ? [] : missing };
}
function noSuchServer(what, wanted, servers) {
    const names = [...new Set(servers.map(({ name }) => name))];
    const advice = addressHint(wanted, servers);
    return new HaproxyError('unknown-server', `${what}; ${listOf('server', names, wanted)}`, {
        ...(advice !== undefined && { advice })
    });
}
function noServer(what) {
    return new HaproxyError('unknown-server', `${what} at all.`, {
        advice: 'Is this the right page, and does no `stats scope` hide its backends?'
    });
}
function namesIn({ servers }, backend) {
    return servers.filter((server) => server.backend === backend).map(({ name }) => name);
}
function isBackend(snapshot, name) {
    return snapshot.proxies.get(name)?.has('backend') === true || namesIn(snapshot, name).length > 0;
}

;// CONCATENATED MODULE: ./src/rotation/find.ts








async function find(wanted, context) {
    const found = await settleAll(wanted.pages, (page) => findOnPage(page, wanted, context));
    const missing = found.flatMap((page) => page.missing);
    const [first] = missing;
    if (first !== undefined) {
        throw new HaproxyError(first.problem, missing.map(({ message }) => message).join(' '), {
            advice: first.advice
        });
    }
    return {
        backends: found.flatMap(({ backends }) => backends),
        shared: onAllPages(found.flatMap(({ shared }) => shared ?? []))
    };
}
async function findOnPage(page, wanted, context) {
    const instance = await openInstance(page, wanted, context);
    const limits = { signal: context.cancelled };
    const look = (backend) => retry(() => instance.page.look(limits, backend), context);
    const found = wanted.withOthers || wanted.backends === 'every'
        ? look().then((snapshot) => findInSnapshot(instance, wanted, snapshot))
        : findInNamed(instance, wanted.backends, wanted.servers, look);
    const identified = retry(() => instance.identify(limits, wanted.processLooks), context);
    await settleAll([found, identified], (work) => work);
    return found;
}
async function openInstance(page, { oneInstance }, context) {
    const { clock, cancelled } = context;
    if (!oneInstance) {
        return new Instance(page, clock);
    }
    const addresses = await retry(() => page.resolve({ signal: cancelled }), context);
    const families = [...Map.groupBy(addresses, external_node_net_namespaceObject.isIPv6).values()];
    const [first, ...others] = families.every(({ length }) => length < 2) ? [] : addresses;
    return first === undefined
        ? new Instance(page, clock)
        : new Instance(page.at(first), clock, others);
}
async function findInSnapshot(instance, { backends: names, servers, withOthers }, snapshot) {
    const found = names === 'every'
        ? findInEvery(instance, servers, snapshot)
        : await findInNamed(instance, names, servers, () => Promise.resolve(snapshot));
    return withOthers ? { ...found, ...withFollowers(instance, found.backends, snapshot) } : found;
}

;// CONCATENATED MODULE: ./src/rotation/last-look.ts

const LOOK_MS = 500;
async function lastLook(backends, { over }) {
    const unknown = backends.filter(({ targets }) => targets.some(({ isKnown }) => !isKnown));
    const looks = unknown.map((backend) => backend.look({ signal: over, timeoutMs: LOOK_MS }));
    for (const look of await Promise.allSettled(looks)) {
        if (look.status === 'rejected' && !(look.reason instanceof HaproxyError)) {
            throw look.reason;
        }
    }
}

;// CONCATENATED MODULE: ./src/runner/cancellation.ts

const GRACE_MS = 4_000;
function listenForCancel() {
    const cancelled = new AbortController();
    const over = new AbortController();
    const onSignal = (signal) => {
        cancelled.abort(new HaproxyError('cancelled', `Cancelled (${signal}).`));
        setTimeout(() => {
            over.abort(new HaproxyError('cancelled', `Cancelled (${signal}) and out of time.`));
        }, GRACE_MS).unref();
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    return { cancelled: cancelled.signal, over: over.signal };
}
const HUNG_AFTER_MS = 250;
function endIfHung() {
    if (process.exitCode === 1) {
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), HUNG_AFTER_MS).unref();
    }
}

;// CONCATENATED MODULE: external "node:crypto"
const external_node_crypto_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:crypto");
;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
;// CONCATENATED MODULE: external "node:tls"
const external_node_tls_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:tls");
;// CONCATENATED MODULE: ./src/runner/defaults.ts
const DEFAULTS = {
    'stats-url': '',
    username: '',
    password: '',
    backend: '',
    server: '',
    action: '',
    expect: '',
    wait: 'true',
    'wait-timeout': '5m',
    'poll-interval': '1s',
    'settle-time': '1s',
    'max-sessions': '0',
    'on-timeout': 'fail',
    'hard-stop-after': '',
    'same-address': 'refuse',
    'min-up': '1',
    'min-up-timeout': '0s',
    'fresh-check': 'true',
    'bake-time': '0s',
    'max-error-rate': '5%',
    restore: 'never',
    'dry-run': 'false',
    'request-timeout': '10s',
    'ca-certificate': '',
    'client-certificate': '',
    'client-key': '',
    'tls-verify': 'true',
    'job-status': '${{ job.status }}'
};

;// CONCATENATED MODULE: ./src/runner/input-reader.ts



class InputError extends Error {
    name = 'InputError';
    problems;
    constructor(problems) {
        super(problems.join(' '));
        this.problems = problems;
    }
}
const UNAVAILABLE = 'If it comes from a secret, a variable or an input, is that available to this workflow?';
const [YES, NO] = [/^(?:y|yes|on|1|t)$/i, /^(?:n|no|off|0|f)$/i];
class InputReader {
    #problems = [];
    finish() {
        if (this.#problems.length > 0) {
            throw new InputError(this.#problems);
        }
    }
    refuse(name, reason) {
        this.#problems.push(`${name}: ${reason}`);
    }
    text(name) {
        return getInput(name) || DEFAULTS[name];
    }
    list(name) {
        const text = this.text(name);
        const list = (parseJsonList(text) ?? text.split(/[\s,]/)).filter((item) => item !== '');
        if (list.length === 0) {
            this.refuse(name, `it is empty. ${UNAVAILABLE}`);
        }
        return list;
    }
    choice(name, allowed) {
        const text = this.text(name);
        const known = allowed.find((word) => word === text);
        if (known === undefined) {
            this.refuse(name, `"${text}" is not one of ${allowed.join(', ')}.`);
        }
        return known ?? allowed[0];
    }
    flag(name) {
        const text = this.text(name);
        if (/^(true|True|TRUE)$/.test(text)) {
            return true;
        }
        if (!/^(false|False|FALSE)$/.test(text)) {
            const meant = YES.test(text) ? ' Write true.' : NO.test(text) ? ' Write false.' : '';
            this.refuse(name, `"${text}" is neither true nor false.${meant}`);
        }
        return false;
    }
    amount(name) {
        const text = this.text(name);
        if (!/^\d{1,9}$/.test(text)) {
            this.refuse(name, `"${text}" is not a whole number of 0 or more.`);
        }
        return Number(text);
    }
    duration(name, least, most) {
        const text = this.text(name);
        const [lowest = 0, highest = Infinity] = [least, most].map(parseDuration);
        const isAllowed = (ms = -1) => ms >= lowest && ms <= highest;
        const ms = parseDuration(text);
        const meant = [`${text}s`, `${text}ms`].find((each) => isAllowed(parseDuration(each)));
        if (ms === undefined && (meant !== undefined || !/^\d+$/.test(text))) {
            const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
            this.refuse(name, `"${text}" is not a duration such as 500ms, 30s, 5m or 1m30s.${hint}`);
        }
        else if (!isAllowed(ms)) {
            this.refuse(name, `"${text}" is not between ${least} and ${most}.`);
        }
        return ms ?? 0;
    }
}
function parseJsonList(text) {
    try {
        const value = JSON.parse(text);
        return Array.isArray(value) && value.every((item) => typeof item === 'string')
            ? value.map((item) => item.trim())
            : undefined;
    }
    catch {
        return undefined;
    }
}

;// CONCATENATED MODULE: ./src/runner/escape.ts
function escapeForLog(text) {
    return text
        .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
        .replaceAll('##[', '## [')
        .trim()
        .replace(/^::/, ': :');
}
function escapeForHtml(text) {
    return escapeForLog(text)
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;');
}

;// CONCATENATED MODULE: ./src/runner/log.ts


const log = {
    info: (text) => {
        info(escapeForLog(text));
    },
    notice: (text, title) => {
        notice(escapeForLog(text), titled(title));
    },
    warning: (text, title) => {
        warning(escapeForLog(text), titled(title));
    }
};
function log_debug(text) {
    core_debug(escapeForLog(text));
}
function log_error(text, title) {
    error(escapeForLog(text), titled(title));
}
function fail(text, title) {
    process.exitCode = ExitCode.Failure;
    log_error(text, title);
}
function titled(title) {
    return { title: escapeForLog(title) };
}
function mask(secret) {
    if (process.env['GITHUB_ACTIONS'] === 'true') {
        core_setSecret(secret);
    }
}

;// CONCATENATED MODULE: ./src/runner/certificates.ts






function readCertificates(reader) {
    const ca = readPem(reader, 'ca-certificate');
    const clientCertificate = readPem(reader, 'client-certificate');
    const clientKey = readPem(reader, 'client-key');
    if (clientKey !== undefined) {
        mask(clientKey);
    }
    if ((clientCertificate === undefined) !== (clientKey === undefined)) {
        const missing = clientKey === undefined ? 'client-key' : 'client-certificate';
        reader.refuse(missing, `a client certificate and its key go together. ${UNAVAILABLE}`);
    }
    if (ca !== undefined) {
        check(reader, 'ca-certificate', () => {
            readAll(ca);
        });
    }
    if (clientCertificate !== undefined) {
        check(reader, 'client-certificate', () => {
            readAll(clientCertificate);
        });
    }
    if (clientCertificate !== undefined && clientKey !== undefined) {
        check(reader, 'client-key', () => (0,external_node_tls_namespaceObject.createSecureContext)({ cert: clientCertificate, key: clientKey }));
    }
    return { ca, clientCertificate, clientKey };
}
function readPem(reader, name) {
    const text = reader.text(name);
    if (text === '' || text.includes('-----BEGIN ')) {
        return text === '' ? undefined : text;
    }
    try {
        const pem = (0,external_node_fs_namespaceObject.readFileSync)(text, 'utf8');
        if (pem.includes('-----BEGIN ')) {
            return pem;
        }
        reader.refuse(name, 'it is a file that holds no PEM text.');
    }
    catch (error) {
        const { code = 'unreadable' } = error;
        reader.refuse(name, `it is neither PEM text nor a file that can be read (${code}).`);
    }
    return undefined;
}
function readAll(pem) {
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
    if (certificates.length === 0) {
        throw new Error('it has no certificate');
    }
    certificates.forEach((certificate) => new external_node_crypto_namespaceObject.X509Certificate(certificate));
}
function check(reader, name, use) {
    try {
        use();
    }
    catch (error) {
        const reason = messageOf(error);
        reader.refuse(name, `it cannot be used (${reason}). It must be PEM, and a key must be without a passphrase.`);
    }
}

;// CONCATENATED MODULE: ./src/haproxy/stats-url.ts
function basicAuthorization({ username, password }) {
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
const PAGE_OPTION = /;(?:csv|json|json-schema|typed|norefresh|up|no-maint|st=[A-Z]*)(?=[;?&/]|$)/g;
const SCOPE_OPTION = /[;?&]scope=[^;&]*/g;
const RUNTIME_API = /^(?:(?:tcp|udp|unix|socket|sockpair|fd|ipv[46]|abns):\/\/|(?:tcp[46]?|unix|ipv[46]|abnsz?|fd|sockpair)@|\/(?:var\/)?run\/)|\.sock(?:et)?$/i;
function parseStatsUrl(text) {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
    if (scheme !== 'http' && scheme !== 'https') {
        throw new Error(RUNTIME_API.test(text)
            ? "it leads to HAProxy's runtime API, but this action speaks to the statistics page, over HTTP; give the URL of that page, such as http://lb:8404/admin"
            : 'it must begin with http:// or https://, such as http://lb:8404/admin');
    }
    const url = URL.parse(text);
    if (url === null || /^[^/]*\/\/[^/?#\\]*[/?#\\].*@/s.test(text)) {
        throw new Error('it is not a URL; if it carries a password with special characters, percent-encode them, or use the inputs for user name and password');
    }
    const userinfo = url.username === '' ? undefined : userinfoOf(url);
    if (userinfo === undefined && url.password !== '') {
        throw new Error('it carries a password without a user name');
    }
    url.username = '';
    url.password = '';
    url.hash = '';
    url.pathname = url.pathname.replace(SCOPE_OPTION, '').replace(PAGE_OPTION, '');
    url.search = url.search.replace(SCOPE_OPTION, '').replace(PAGE_OPTION, '');
    return { href: url.href.replace(/\?&+/, '?').replace(/[?&]+$/, ''), userinfo };
}
function userinfoOf(url) {
    try {
        return {
            username: decodeURIComponent(url.username),
            password: url.password === '' ? undefined : decodeURIComponent(url.password)
        };
    }
    catch {
        throw new Error('its user name or password has a % that is not followed by two hexadecimal digits');
    }
}
function csvAddress(url, backend) {
    return new URL(`${url.href};csv${backend === undefined ? '' : `;scope=${backend}`}`);
}
function headAddress(url) {
    return new URL(`${url.href};norefresh;scope=..none..`);
}

;// CONCATENATED MODULE: ./src/runner/credentials.ts





const COLON = 'has a colon, which HTTP Basic authentication cannot carry';
function readCredentials(reader) {
    const username = reader.text('username');
    const given = getInput('password', { trimWhitespace: false });
    const password = given.replace(/\r?\n$/, '');
    if (username === '' && password === '') {
        return undefined;
    }
    const credentials = masked({ username, password });
    if (password !== given) {
        log.notice('The password ends in a line break, which is left out. Store the secret without it.', 'Input password');
    }
    if (username.includes(':')) {
        reader.refuse('username', `it ${COLON}.`);
    }
    if (password === '') {
        reader.refuse('password', `it is empty although there is a user name. ${UNAVAILABLE}`);
    }
    return credentials;
}
function readInstances(reader, fallback) {
    const instances = new Map();
    const list = reader.list('stats-url');
    if (fallback?.username === '' && !list.every((text) => /\/\/[^/?#]*@/.test(text))) {
        reader.refuse('username', `it is empty although there is a password. ${UNAVAILABLE}`);
    }
    for (const [index, text] of list.entries()) {
        try {
            const url = parseStatsUrl(text);
            instances.set(url.href, { url, credentials: credentialsFor(url, fallback) });
        }
        catch (error) {
            const which = list.length > 1 ? ` (number ${index + 1} of ${list.length})` : '';
            const reason = messageOf(error);
            reader.refuse('stats-url', `the URL${which} cannot be used: ${reason}.`);
        }
    }
    return [...instances.values()];
}
function credentialsFor({ userinfo }, fallback) {
    if (userinfo === undefined) {
        return fallback;
    }
    const { username, password = fallback?.password } = userinfo;
    if (username.includes(':')) {
        throw new Error(`its user name ${COLON}`);
    }
    if (password === undefined || password === '') {
        throw new Error('it carries a user name, and there is no password for it');
    }
    return masked({ username, password });
}
function masked(credentials) {
    const { password } = credentials;
    if (password !== '') {
        const forms = [
            password,
            encodeURIComponent(password),
            new URLSearchParams({ '': password }).toString().slice(1),
            JSON.stringify(password).slice(1, -1),
            Buffer.from(password).toString('base64'),
            basicAuthorization(credentials).replace('Basic ', '')
        ];
        new Set(forms).forEach(mask);
    }
    return credentials;
}

;// CONCATENATED MODULE: ./src/runner/names.ts
function readBackends(reader) {
    const list = reader.list('backend');
    if (!list.includes('*')) {
        return checkNames(reader, 'backend', list);
    }
    if (list.length > 1) {
        reader.refuse('backend', '"*" means every backend that has the server and stands alone.');
    }
    return 'every';
}
function readServers(reader) {
    const list = reader.list('server');
    if (!list.includes('*') || reader.text('action') !== 'status') {
        return checkNames(reader, 'server', list);
    }
    if (list.length > 1) {
        reader.refuse('server', '"*" means every server of the backend and stands alone.');
    }
    return 'every';
}
const NAME = /^[A-Za-z0-9_.:-]+$/;
function checkNames(reader, name, list) {
    for (const text of list.filter((each) => !NAME.test(each))) {
        const both = text.includes('/') ? ' The backend goes into backend, the server into server.' : '';
        const every = text === '*' ? ' Servers must be named one by one; only action: status takes "*".' : '';
        reader.refuse(name, `"${text}" is not a name; HAProxy allows letters, digits and _ . : - only.${both}${every}`);
    }
    return [...new Set(list)];
}

;// CONCATENATED MODULE: ./src/haproxy/commands.ts
const COMMANDS = [
    'shutdown',
    'ehlth',
    'dhlth',
    'hrunn',
    'hnolb',
    'hdown',
    'eagent',
    'dagent',
    'arunn',
    'adown'
];

;// CONCATENATED MODULE: ./src/runner/share.ts
function readShare(reader, name) {
    const text = reader.text(name);
    const digits = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text)?.[1];
    if (digits === undefined || Number(digits) > 100) {
        reader.refuse(name, `"${text}" is not a percentage from 0% to 100%, such as 5% or 0.5%.`);
    }
    return Number(digits) / 100;
}

;// CONCATENATED MODULE: ./src/rotation/options.ts
const ON_TIMEOUT = ['fail', 'restore', 'shutdown', 'continue'];

;// CONCATENATED MODULE: ./src/runner/inputs.ts








const ACTIONS = ['ready', 'drain', 'maint', 'status', ...COMMANDS];
const RESTORE = ['never', 'failure', 'always'];
const SAME_ADDRESS = ['refuse', 'ignore'];
function readInputs() {
    const reader = new InputReader();
    const credentials = readCredentials(reader);
    const inputs = {
        credentials,
        instances: readInstances(reader, credentials),
        backends: readBackends(reader),
        servers: readServers(reader),
        action: readAction(reader),
        expect: readExpect(reader),
        isAwaited: reader.flag('wait'),
        wait: readWaitOptions(reader),
        maxSessions: reader.amount('max-sessions'),
        onTimeout: reader.choice('on-timeout', ON_TIMEOUT),
        hardStopAfterMs: readHardStopAfter(reader),
        sameAddress: reader.choice('same-address', SAME_ADDRESS),
        minUp: readMinUp(reader),
        minUpTimeoutMs: reader.duration('min-up-timeout', '0s', '24h'),
        freshCheck: reader.flag('fresh-check'),
        bakeMs: reader.duration('bake-time', '0s', '24h'),
        maxErrorRate: readShare(reader, 'max-error-rate'),
        restore: reader.choice('restore', RESTORE),
        dryRun: reader.flag('dry-run'),
        transport: {
            timeoutMs: reader.duration('request-timeout', '100ms', '2m'),
            ...readCertificates(reader),
            verifyTls: reader.flag('tls-verify')
        },
        jobStatus: reader.text('job-status')
    };
    reader.finish();
    return inputs;
}
function wantedBy({ action, isAwaited, dryRun, minUpTimeoutMs, backends, servers }) {
    const isTakeOut = action === 'drain' || action === 'maint';
    const isChanging = isTakeOut || action === 'ready';
    const asksProcess = isAwaited || minUpTimeoutMs > 0;
    return {
        backends,
        servers,
        withOthers: isTakeOut,
        processLooks: dryRun || !isChanging ? 0 : action === 'ready' ? 2 : asksProcess ? 1 : 0,
        oneInstance: isChanging
    };
}
function readWaitOptions(reader) {
    const timeoutMs = reader.duration('wait-timeout', '1s', '24h');
    const pollMs = reader.duration('poll-interval', '100ms', '1m');
    const settleMs = reader.duration('settle-time', '0s', '1h');
    if (settleMs > timeoutMs && timeoutMs > 0) {
        const timeout = formatDuration(timeoutMs);
        reader.refuse('settle-time', `${formatDuration(settleMs)} is longer than the wait-timeout of ${timeout}, so no wait could ever succeed.`);
    }
    return { timeoutMs, pollMs, settleMs };
}
function readHardStopAfter(reader) {
    return reader.text('hard-stop-after') === ''
        ? undefined
        : reader.duration('hard-stop-after', '0s', '24h');
}
function readMinUp(reader) {
    const text = reader.text('min-up');
    const [, number, percent] = /^(?:(\d{1,9})|(\d{1,3})%)$/.exec(text) ?? [];
    if (text === 'all') {
        return text;
    }
    if (number === undefined && percent === undefined) {
        reader.refuse('min-up', `"${text}" is not a number such as 2, a percentage such as 50%, or all.`);
    }
    if (Number(percent) > 99) {
        reader.refuse('min-up', `"${text}" can never be met, because the server being taken out is one of them. For every other server, write all.`);
    }
    return percent === undefined ? Number(number) : `${Number(percent)}%`;
}
function readExpect(reader) {
    const text = reader.text('expect');
    if (text !== '' && text !== 'up') {
        reader.refuse('expect', `"${text}" cannot be expected; the only word for it is up.`);
    }
    if (text !== '' && reader.text('action') !== 'status') {
        reader.refuse('expect', 'only action: status can expect anything of the servers.');
    }
    return text === '' ? undefined : 'up';
}
const OTHER_WORDS = {
    ready: 'up in online enable enabled start undrain',
    drain: 'stop draining drained',
    maint: 'down out offline maintenance disable disabled',
    shutdown: 'kill'
};
function actionMeantBy(word) {
    const isMeant = (action) => action === word || OTHER_WORDS[action]?.split(' ').includes(word) === true;
    return ACTIONS.find(isMeant);
}
function readAction(reader) {
    const text = reader.text('action');
    const meant = actionMeantBy(text.toLowerCase());
    if (meant === text) {
        return meant;
    }
    const hint = meant === undefined ? '' : ` Use ${meant}.`;
    const seen = text === '' ? `it is empty. ${UNAVAILABLE} It must be` : `"${text}" is not`;
    reader.refuse('action', `${seen} one of ${ACTIONS.join(', ')}.${hint}`);
    return 'status';
}

;// CONCATENATED MODULE: ./src/runner/only-url.ts

function withoutOnlyUrl(sentence, { instances }) {
    const [only, ...others] = instances;
    return only === undefined || others.length > 0
        ? sentence
        : [' on ', ' at '].reduce((rest, on) => rest.replaceAll(`${on}${only.url.href}`, ''), sentence);
}
function logOf(inputs) {
    const short = (text) => withoutOnlyUrl(text, inputs);
    return {
        info: (text) => {
            log.info(short(text));
        },
        notice: (text, title) => {
            log.notice(short(text), short(title));
        },
        warning: (text, title) => {
            log.warning(short(text), short(title));
        }
    };
}

// EXTERNAL MODULE: ./node_modules/papaparse/papaparse.js
var papaparse = __nccwpck_require__(728);
var papaparse_default = /*#__PURE__*/__nccwpck_require__.n(papaparse);
;// CONCATENATED MODULE: ./src/haproxy/row.ts



const KINDS = ['frontend', 'backend', 'server', 'listener'];
class Row {
    #cells;
    #table;
    constructor(cells, table) {
        this.#cells = cells;
        this.#table = table;
        if (cells.length !== table.width) {
            throw this.#malformed(`has ${cells.length} cells where the header has ${table.width}`);
        }
    }
    get kind() {
        const kind = KINDS[this.count('type')];
        if (kind === undefined) {
            throw this.#malformed(`is of the unknown type ${this.cell('type')}`);
        }
        return kind;
    }
    cell = (column) => this.#cells[this.#table.columns.get(column) ?? -1] ?? '';
    count(column) {
        if (!/^\d+$/.test(this.cell(column))) {
            throw this.#malformed(`has "${this.cell(column)}" in its column ${column}`);
        }
        return Number(this.cell(column));
    }
    #malformed(what) {
        const label = `${this.cell('pxname')}/${this.cell('svname')}`;
        return new HaproxyError('malformed', `${this.#table.attempt}: the row of ${label} ${what}.`);
    }
}
function serverOf(row) {
    const { cell } = row;
    return {
        backend: cell('pxname'),
        name: cell('svname'),
        status: cell('status'),
        word: statusWord(cell('status')),
        sessions: row.count('scur'),
        queue: row.count('qcur'),
        weight: row.count('weight'),
        total: row.count('stot'),
        counters: readCounters(cell),
        hasCheck: cell('chkfail') !== '' && cell('tracked') === '',
        hasAgent: cell('agent_status') !== '',
        tracked: cell('tracked') || undefined,
        check: checkResult(cell),
        checking: cell('check_status').startsWith(RUNNING),
        checkFailed: !/^(\* )?(|INI|UNK|CHECKED|PROCOK|L[46]OK|L7OKC?)$/.test(cell('check_status')),
        unchecked: cell('chkfail') !== '' && /^(\* )?(|INI|UNK)$/.test(cell('check_status')),
        throttle: cell('throttle') === '' ? undefined : row.count('throttle'),
        address: parseAddress(cell('addr')),
        secondsInState: cell('lastchg') === '' ? undefined : row.count('lastchg')
    };
}
const RUNNING = '* ';
function checkResult(cell) {
    const running = cell('check_status').startsWith(RUNNING);
    const status = cell('check_status').replace(RUNNING, '');
    if (status === '') {
        return '';
    }
    const code = running ? '' : cell('check_code');
    const reason = cell('last_chk') || (running ? '' : cell('check_desc'));
    return `${status}${code && `/${code}`}${reason && `: ${reason}`}`;
}

;// CONCATENATED MODULE: ./src/haproxy/csv.ts



const HEADER = '# pxname,';
const NEEDED = [
    'svname',
    'qcur',
    'scur',
    'stot',
    'status',
    'weight',
    'chkfail',
    'pid',
    'throttle',
    'tracked',
    'type',
    'check_status',
    'check_code'
];
function parseStatsCsv(text, source, mediaType) {
    const attempt = `Could not read ${source}`;
    if (!text.startsWith(HEADER)) {
        const start = startOf(text, mediaType);
        throw new HaproxyError('not-csv', `${attempt}: the answer is ${recognise(text)} instead of CSV${start}.`);
    }
    if (!text.endsWith('\n')) {
        throw new HaproxyError('truncated', `${attempt}: the CSV ends in the middle of a row.`);
    }
    const { data, errors } = papaparse_default().parse(text.slice('# '.length), {
        delimiter: ',',
        newline: '\n',
        skipEmptyLines: true
    });
    const [error] = errors;
    if (error !== undefined) {
        const problem = error.code === 'MissingQuotes' ? 'truncated' : 'malformed';
        throw new HaproxyError(problem, `${attempt}: ${error.message}.`);
    }
    const header = data[0] ?? [];
    const missing = NEEDED.filter((column) => !header.includes(column));
    if (missing.length > 0) {
        throw new HaproxyError('malformed', `${attempt}: the CSV has no column ${missing.join(', ')}.`);
    }
    const columns = new Map(header.map((column, index) => [column, index]));
    const table = { columns, width: header.length, attempt };
    const proxies = new Map();
    const servers = [];
    const processNumbers = new Set();
    for (const cells of data.slice(1)) {
        const row = new Row(cells, table);
        const [proxy, kind] = [row.cell('pxname'), row.kind];
        processNumbers.add(row.cell('pid'));
        proxies.set(proxy, (proxies.get(proxy) ?? new Set()).add(kind));
        if (kind === 'server') {
            servers.push(serverOf(row));
        }
    }
    return { proxies, servers, processNumbers };
}
function recognise(text) {
    const start = text.trimStart().slice(0, 1024).toLowerCase();
    if (start === '') {
        return 'empty';
    }
    if (/^[{[]/.test(start)) {
        return 'a JSON document';
    }
    if (/^<(?:!doctype|html|head|body|\?xml|!--)/.test(start)) {
        const page = text.slice(0, 65_536);
        return /type=["']?password/i.test(page) ? 'a login page (HTML)' : 'an HTML page';
    }
    return 'something else';
}
const MAX_SEARCHED = 4_096;
const MAX_TOGETHER = 60;
const MAX_WORD = 40;
function startOf(text, mediaType) {
    const words = firstWords(text);
    const parts = [mediaType ?? '', words && `it begins with "${words}"`].filter((part) => part !== '');
    return parts.length > 0 ? ` (${parts.join('; ')})` : '';
}
function firstWords(text) {
    const beginning = text.slice(0, MAX_SEARCHED);
    if (/[\0\ufffd]/.test(beginning)) {
        return '';
    }
    const words = beginning
        .replace(/<(script|style)\b.*?(?:<\/\1>|$)/gis, ' ')
        .replace(/<[^>]*(?:>|$)/g, ' ')
        .split(/\s+/)
        .filter((word) => word !== '');
    if (text.length > MAX_SEARCHED) {
        words.pop();
    }
    let start = '';
    for (const word of words) {
        const longer = `${start} ${word}`.trimStart();
        if (longer.length > MAX_TOGETHER || word.length > MAX_WORD) {
            return `${start} …`.trimStart();
        }
        start = longer;
    }
    return text.length > MAX_SEARCHED ? `${start} …` : start;
}

;// CONCATENATED MODULE: ./src/haproxy/forms.ts
const MAX_BODY = 14_000;
function* forms_forms(change, backend, servers) {
    let form = new URLSearchParams({ b: backend, action: change });
    let length = form.toString().length;
    for (const server of servers) {
        const more = `&s=${encodeURIComponent(server)}`.length;
        if (length + more > MAX_BODY) {
            yield form;
            form = new URLSearchParams({ b: backend, action: change });
            length = form.toString().length;
        }
        form.append('s', server);
        length += more;
    }
    yield form;
}

;// CONCATENATED MODULE: ./src/haproxy/process.ts
const PROCESS = /^.*<b>pid = <\/b> (\d+) \(process #.*?<b>uptime = <\/b> (\d+)d (\d+)h(\d+)m(\d+)s/s;
function parseProcess(html) {
    const found = PROCESS.exec(html);
    if (found === null) {
        return undefined;
    }
    const [pid = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map(Number);
    return { pid, uptimeMs: (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 };
}

;// CONCATENATED MODULE: ./src/haproxy/unexpected-status.ts

const NO_SERVER = 'No server is available to handle this request.';
function unexpectedStatus({ status, location, login, body }, attempt, wasRead = true) {
    const fail = (problem, seen, transient = false) => new HaproxyError(problem, `${attempt}: ${seen} (HTTP ${status}).`, { transient });
    switch (status) {
        case 401:
            if (login !== undefined && !/\bBasic\b/i.test(login.schemes)) {
                const scheme = /^[\w-]{1,20}/.exec(login.schemes)?.[0] ?? 'an unknown one';
                return fail('other-login', `the answer asks for another login, ${scheme} instead of Basic`);
            }
            return login?.wasGiven === false
                ? fail('login-needed', 'the page asks for a user name and a password, and none was given')
                : fail('unauthorized', 'the user name or the password was not accepted');
        case 403:
            return fail('forbidden', 'the request was refused');
        case 404:
            return fail('wrong-path', 'there is no statistics page at this URL');
        case 400:
            if (/\bHTTPS\b/.test(body)) {
                return fail('tls-spoken', 'the port speaks TLS, and this request did not');
            }
            break;
        case 502:
        case 503:
        case 504:
            if (!wasRead && body.includes(NO_SERVER)) {
                const where = 'HAProxy sent the request to a backend that has no server for it';
                return fail('wrong-path', `there is no statistics page at this URL; ${where}`);
            }
            return fail('wrong-path', 'the request went to a backend that cannot answer', true);
    }
    if (status >= 300 && status < 400 && location !== undefined) {
        return fail('redirected', `the answer redirects to ${destination(location)}`);
    }
    return fail('unexpected-status', `the answer is not a statistics page${body === '' ? ', but empty' : ''}`);
}
function destination(location) {
    const verdict = /;st=[A-Z]{4}/.exec(location)?.[0] ?? '';
    const place = location.replace(/[;?#].*/s, '').replace(/\/\/[^/]*@/, '//');
    return `${place}${verdict}`;
}

;// CONCATENATED MODULE: external "node:dns/promises"
const external_node_dns_promises_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:dns/promises");
;// CONCATENATED MODULE: ./src/haproxy/network-errors.ts

const OVER_HTTP = {
    reset: 'The port may speak TLS: try https:// in the URL.',
    'not-http': 'Check the address and the port; the port may speak TLS: try https:// in the URL.'
};
const MEANINGS = [
    [/^ENOTFOUND$/, 'host-not-found', (host) => `the host ${host} is not known`],
    [/^EAI_/, 'host-not-found', (host) => `the name server did not resolve the host ${host}`],
    [/^ECONNREFUSED$/, 'refused', (host) => `${host} refused the connection`],
    [/^E(HOST|NET)UNREACH$/, 'unreachable', (host) => `there is no route to ${host}`],
    [/^ETIMEDOUT$/, 'timed-out', (host) => `${host} did not answer the attempt to connect`],
    [/^(ECONNRESET|EPIPE)$/, 'reset', (host) => `${host} closed the connection without an answer`],
    [/^CERT_HAS_EXPIRED$/, 'tls-expired', (host) => `the certificate of ${host} has expired`],
    [
        /^ERR_TLS_CERT_ALTNAME_INVALID$/,
        'tls-wrong-name',
        (host) => `the certificate is not valid for ${host}`
    ],
    [
        /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
        'tls-unknown-issuer',
        (host) => `the certificate of ${host} is self-signed, so no authority vouches for it`
    ],
    [
        /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)/,
        'tls-unknown-issuer',
        (host) => `no trusted authority has signed the certificate of ${host}`
    ],
    [
        /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
        'tls-client-certificate',
        (host) => `${host} broke off the TLS handshake, as it does when it wants a client certificate`
    ],
    [
        /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/,
        'tls-client-certificate',
        (host) => `${host} did not accept the client certificate`
    ],
    [
        /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/,
        'tls-not-spoken',
        (host) => `${host} does not answer in TLS`
    ],
    [
        /^(CERT_|INVALID_|UNABLE_TO_|HOSTNAME_MISMATCH|PATH_LENGTH|CRL_)/,
        'tls-failed',
        (host) => `the certificate of ${host} is not valid`
    ],
    [
        /^(ERR_(SSL|TLS|OSSL)_|ALERT_)/,
        'tls-failed',
        (host) => `there is no TLS connection to ${host}`
    ],
    [/^HPE_/, 'not-http', (host) => `what ${host} answers is not HTTP`]
];
function explainFailure(error, failure) {
    const { attempt, url, phase, timedOutMs } = failure;
    const { code = '', message = '' } = error;
    const seen = (problem, what) => new HaproxyError(problem, `${attempt}: ${what}.`, {
        cause: error,
        ...(url.protocol === 'http:' && OVER_HTTP[problem] && { advice: OVER_HTTP[problem] }),
        ...(code === 'EAI_AGAIN' && { transient: true })
    });
    if (timedOutMs !== undefined) {
        return seen('timed-out', `no complete answer within ${timedOutMs / 1_000} s (${phase})`);
    }
    const refusal = /^tunneling socket could not be established, (.*)/s.exec(message)?.[1];
    if (refusal !== undefined) {
        return seen('proxy-refused', `the proxy did not connect (${refusal})`);
    }
    if (message === 'got illegal response body from proxy') {
        return seen('proxy-refused', 'the proxy did not answer as one that connects');
    }
    if (phase === 'reading the answer') {
        return seen('truncated', 'the answer broke off');
    }
    const alert = /alert [a-z ]*/.exec(message)?.[0].replaceAll(' ', '_').toUpperCase() ?? '';
    const name = code === 'EPROTO' && alert !== '' ? alert : code;
    const meaning = MEANINGS.find(([pattern]) => pattern.test(name));
    if (meaning === undefined) {
        return seen('unreachable', `the request failed (${code || message || 'for an unknown reason'})`);
    }
    const [, problem, describe] = meaning;
    return seen(problem, describe(url.host));
}

;// CONCATENATED MODULE: ./src/haproxy/resolve-host.ts




async function resolveHost(request, { timeoutMs }) {
    const { url, signal, attempt } = request;
    const host = url.hostname.replace(/[[\]]/g, '');
    if ((0,external_node_net_namespaceObject.isIP)(host) !== 0 || getProxyUrl(url) !== undefined) {
        return [];
    }
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
        const found = await Promise.race([
            (0,external_node_dns_promises_namespaceObject.lookup)(host, { all: true }),
            rejection(signal),
            rejection(deadline)
        ]);
        return found.map(({ address }) => address);
    }
    catch (error) {
        signal.throwIfAborted();
        const timedOutMs = deadline.aborted ? timeoutMs : undefined;
        throw explainFailure(error, { attempt, url, phase: 'looking up the host', timedOutMs });
    }
}
function rejection(signal) {
    return new Promise((_, reject) => {
        const fail = () => {
            reject(signal.reason);
        };
        if (signal.aborted) {
            fail();
        }
        else {
            signal.addEventListener('abort', fail);
        }
    });
}

;// CONCATENATED MODULE: ./src/haproxy/request-setup.ts



class RequestSetup {
    phase = 'connecting';
    #signal;
    #settings;
    #url;
    #address;
    constructor(signal, settings, url, address) {
        this.#signal = signal;
        this.#settings = settings;
        this.#url = url;
        this.#address = address;
    }
    prepareRequest(options) {
        const tls = this.#tlsOptions();
        Object.assign(options, { signal: this.#signal }, tls);
        const agent = options.agent;
        if ('proxyOptions' in agent) {
            Object.assign(agent.proxyOptions, { signal: this.#signal });
            Object.assign(agent.options, tls);
            this.phase = 'connecting through the proxy';
            this.#followTunnel(agent);
        }
        else {
            options.host = options.host?.replace(/[[\]]/g, '') ?? null;
            if (this.#address !== undefined) {
                options.lookup = alwaysAt(this.#address);
            }
            this.#followConnection(agent);
        }
    }
    #tlsOptions() {
        const { ca, clientCertificate, clientKey } = this.#settings;
        return {
            ...(ca !== undefined && { ca: [...(0,external_node_tls_namespaceObject.getCACertificates)('default'), ca] }),
            cert: clientCertificate,
            key: clientKey,
            checkServerIdentity: (_, certificate) => checkIdentity(this.#url.hostname.replace(/[[\]]/g, ''), certificate)
        };
    }
    #followConnection(agent) {
        const create = agent.createConnection.bind(agent);
        agent.createConnection = (options, callback) => {
            const socket = create(options, callback);
            socket?.once(this.#url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
                this.phase = 'waiting for the answer';
            });
            return socket;
        };
    }
    #followTunnel(agent) {
        const create = agent.createSocket.bind(agent);
        agent.createSocket = (options, callback) => {
            create(options, (socket) => {
                this.phase = 'waiting for the answer';
                callback(socket);
            });
        };
    }
    canHandleAuthentication() {
        return false;
    }
    handleAuthentication() {
        return Promise.reject(new Error('This handler does not authenticate.'));
    }
}
function alwaysAt(address) {
    const family = (0,external_node_net_namespaceObject.isIP)(address);
    return (_, options, callback) => {
        if (options.all === true) {
            callback(null, [{ address, family }]);
        }
        else {
            callback(null, address, family);
        }
    };
}
function checkIdentity(host, certificate) {
    if ((0,external_node_net_namespaceObject.isIPv6)(host) && new external_node_crypto_namespaceObject.X509Certificate(certificate.raw).checkIP(host) !== undefined) {
        return undefined;
    }
    return (0,external_node_tls_namespaceObject.checkServerIdentity)(host, certificate);
}

;// CONCATENATED MODULE: ./src/haproxy/transport.ts




const transport_MAX_BODY = 32 * 1024 * 1024;
async function exchange(request, settings) {
    const { method, url, signal } = request;
    const timeoutMs = Math.min(request.timeoutMs ?? Infinity, settings.timeoutMs);
    const deadline = new AbortController();
    const timer = setTimeout(() => {
        deadline.abort();
    }, timeoutMs);
    const ended = AbortSignal.any([signal, deadline.signal]);
    const setup = new RequestSetup(ended, settings, url, request.address);
    const client = new lib_HttpClient('haproxy-server-state', [setup], {
        allowRedirects: false,
        allowRetries: false,
        keepAlive: false,
        ignoreSslError: !settings.verifyTls
    });
    try {
        signal.throwIfAborted();
        const { message } = await client.request(method, url.href, request.body ?? null, {
            ...(request.authorization !== undefined && { authorization: request.authorization }),
            ...(request.body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' })
        });
        setup.phase = 'reading the answer';
        const body = await read(message, request.attempt);
        const { statusCode: status = 0, headers } = message;
        const schemes = headers['www-authenticate'] ?? 'Basic';
        const mediaType = /^[\w.+-]+\/[\w.+-]+/.exec(headers['content-type'] ?? '')?.[0];
        const login = { schemes, wasGiven: request.authorization !== undefined };
        const { location } = headers;
        return { status, location, mediaType, ...(status === 401 && { login }), body };
    }
    catch (error) {
        if (error instanceof HaproxyError) {
            throw error;
        }
        signal.throwIfAborted();
        throw explainFailure(error, {
            attempt: request.attempt,
            url,
            phase: setup.phase,
            timedOutMs: deadline.signal.aborted ? timeoutMs : undefined
        });
    }
    finally {
        clearTimeout(timer);
        client.dispose();
    }
}
async function read(message, attempt) {
    const chunks = [];
    let size = 0;
    for await (const chunk of message) {
        size += chunk.length;
        if (size > transport_MAX_BODY) {
            throw new HaproxyError('oversized', `${attempt}: the answer is larger than ${transport_MAX_BODY} bytes.`);
        }
        chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
}

;// CONCATENATED MODULE: ./src/haproxy/verdict.ts


const REFUSALS = ['DENY', 'ERRP', 'NONE', 'PART', 'EXCD', 'IVAL', 'UNKN'];
function verdictOf(answer, attempt) {
    const { status, location = '' } = answer;
    const code = status === 303 && /;st=([A-Z]{4})/.exec(location)?.[1];
    if (typeof code === 'string') {
        return code === 'DONE' || isRefusal(code) ? code : 'UNKN';
    }
    if ([200, 303, 404, 405].includes(status)) {
        const seen = `the answer (HTTP ${status}) does not say what became of it`;
        throw new HaproxyError('not-haproxy', `${attempt}: ${seen}.`);
    }
    throw unexpectedStatus(answer, attempt);
}
function isRefusal(code) {
    return REFUSALS.includes(code);
}

;// CONCATENATED MODULE: ./src/haproxy/stats-page.ts









class StatsPage {
    #options;
    #authorization;
    #history;
    #processNumbers = new Set();
    constructor(options) {
        this.#options = options;
        this.#history = { wasRead: options.wasRead === true };
        this.#authorization = options.credentials && basicAuthorization(options.credentials);
    }
    get name() {
        return this.#options.url.href;
    }
    get address() {
        return this.#options.address;
    }
    at(address) {
        const page = new StatsPage({ ...this.#options, address });
        page.#history = this.#history;
        return page;
    }
    resolve({ signal }) {
        return resolveHost({ url: new URL(this.name), signal, attempt: this.#reading }, this.#options.settings);
    }
    get #reading() {
        const where = this.address === undefined ? '' : ` at ${this.address}`;
        return `Could not read the statistics page ${this.name}${where}`;
    }
    async look(limits, backend) {
        const { body, mediaType } = await this.#get(csvAddress(this.#options.url, backend), limits);
        const snapshot = parseStatsCsv(body, `the statistics page ${this.name}`, mediaType);
        snapshot.processNumbers.forEach((number) => this.#processNumbers.add(number));
        if (this.#processNumbers.size > 1) {
            const seen = [...this.#processNumbers].join(' and ');
            throw new HaproxyError('several-processes', `The statistics page ${this.name} is answered by the processes ${seen} of one HAProxy.`);
        }
        return snapshot;
    }
    async identify(limits) {
        return parseProcess((await this.#get(headAddress(this.#options.url), limits)).body);
    }
    async #get(url, limits) {
        const attempt = this.#reading;
        const answer = await this.#exchange({ method: 'GET', url, attempt, ...limits });
        if (answer.status !== 200) {
            throw unexpectedStatus(answer, attempt, this.#history.wasRead);
        }
        this.#history.wasRead = true;
        return answer;
    }
    async requestChange(change, backend, servers, limits) {
        const attempt = `Could not ask ${this.name} for ${change} of ${backend}/${servers.join(', ')}`;
        let done = 0;
        for (const form of forms_forms(change, backend, servers)) {
            try {
                await this.#postExpecting('DONE', form, attempt, limits);
            }
            catch (error) {
                throw done > 0 ? asPartial(error) : error;
            }
            done += 1;
        }
    }
    async clearFlag(flag, backend, server, limits) {
        const attempt = `Could not ask ${this.name} for ${flag} of ${backend}/${server}`;
        const form = new URLSearchParams({ b: backend, action: flag, s: server });
        const verdict = await this.#post(form, attempt, limits);
        if (verdict !== 'DONE' && verdict !== 'NONE') {
            throw new HaproxyError(verdict, `${attempt}: HAProxy answered ${verdict}.`);
        }
        return verdict === 'DONE';
    }
    async checkAdminAccess(backend, limits) {
        const attempt = `Could not check the right to change ${backend} on ${this.name}`;
        const form = new URLSearchParams({ b: backend, action: 'ready' });
        await this.#postExpecting('NONE', form, attempt, limits);
    }
    async #postExpecting(expected, form, attempt, limits) {
        const verdict = await this.#post(form, attempt, limits);
        if (verdict !== expected) {
            throw new HaproxyError(verdict === 'DONE' ? 'UNKN' : verdict, `${attempt}: HAProxy answered ${verdict}.`);
        }
    }
    async #post(form, attempt, limits) {
        const url = new URL(this.name);
        const body = form.toString();
        return verdictOf(await this.#exchange({ method: 'POST', url, body, attempt, ...limits }), attempt);
    }
    async #exchange(request) {
        const { settings, trace = () => undefined } = this.#options;
        const { method, url, body: sent = '' } = request;
        const asked = `${method} ${url.href} ${sent}`.trimEnd();
        trace(asked);
        const answer = await exchange({ ...request, authorization: this.#authorization, address: this.address }, settings);
        const { status, location = '', body } = answer;
        const redirect = location && ` ${destination(location)}`;
        trace(`${asked} → ${status}${redirect} (${body.length} characters)`);
        return answer;
    }
}

;// CONCATENATED MODULE: ./src/runner/pages.ts



function openPages(inputs) {
    warnOfUnverifiedTls(inputs);
    return inputs.instances.map(({ url, credentials }) => new StatsPage({ url, credentials, settings: inputs.transport, trace: log_debug }));
}
function reopenPage(href, inputs) {
    const known = inputs.instances.find(({ url }) => url.href === href);
    return new StatsPage({
        url: known?.url ?? parseStatsUrl(href),
        credentials: known === undefined ? inputs.credentials : known.credentials,
        settings: inputs.transport,
        trace: log_debug,
        wasRead: true
    });
}
function warnOfUnverifiedTls({ transport, instances }) {
    if (!transport.verifyTls && instances.some(({ url }) => url.href.startsWith('https:'))) {
        log.warning('tls-verify is false: anybody between here and HAProxy can read the password and answer in its place.', 'TLS is not verified');
    }
}

;// CONCATENATED MODULE: ./src/runner/chart.ts
const MAX_POINTS = 40;
function evenly(samples) {
    const points = Math.min(MAX_POINTS, samples.length);
    const end = samples.at(-1)?.elapsedMs ?? 0;
    return Array.from({ length: points }, (_, index) => {
        const time = index === points - 1 ? end : (end * index) / (points - 1);
        const seen = samples.findLast(({ elapsedMs }) => elapsedMs <= time) ?? samples[0];
        return { ...seen, elapsedMs: time };
    });
}
function inSeconds(ms) {
    return (ms / 1_000).toFixed(1);
}
function drawChart({ title, colours, yLabel, highest, endMs, lines, numbers }) {
    return [
        '',
        '```mermaid',
        `%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "${colours.join(', ')}"}}}}%%`,
        'xychart-beta',
        `  title "${title}"`,
        `  x-axis "seconds" 0 --> ${inSeconds(endMs)}`,
        `  y-axis "${yLabel}" 0 --> ${highest}`,
        ...lines.map((points) => `  line [${points.join(', ')}]`),
        '```',
        '',
        '<details><summary>The numbers</summary>',
        '',
        numbers,
        '',
        '</details>',
        ''
    ].join('\n');
}

;// CONCATENATED MODULE: ./src/runner/bake-chart.ts

function bakeChart(samples) {
    const [first, ...others] = samples;
    const last = others.at(-1);
    if (first === undefined || last === undefined || last.requests === 0) {
        return '';
    }
    const shown = evenly([first, ...others]);
    const expected = (sample) => String(Number(sample.expected.toFixed(1)));
    const numbers = shown.map((sample) => `${inSeconds(sample.elapsedMs)} s: ${sample.requests} requests, ${sample.failed} failed, ${expected(sample)} at the rate of the neighbours`);
    return drawChart({
        title: 'Requests (blue), failed (red), at the rate of the neighbours (grey)',
        colours: ['#2f81f7', '#e5534b', '#768390'],
        yLabel: 'requests',
        highest: last.requests,
        endMs: last.elapsedMs,
        lines: [
            shown.map(({ requests }) => requests),
            shown.map(({ failed }) => failed),
            shown.map(expected)
        ],
        numbers: numbers.join('; ')
    });
}

;// CONCATENATED MODULE: ./src/runner/doubts.ts



function explainDoubt(doubt) {
    switch (doubt.kind) {
        case 'young process':
            return (`HAProxy was started less than an hour ago (${agesOf(doubt.instances)}), and a process from before may ` +
                'still hold requests: set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after.');
        case 'process unknown':
            return (`Which process answers is not shown at ${urlsOf(doubt.instances)}, so a reload would go unnoticed: let ` +
                'this user read the HTML page as well.');
        case 'process unclear':
            return `Another process of HAProxy answers at ${urlsOf(doubt.instances)} than when this step began, and it may be older than the step: run the step again.`;
        case 'agent check':
            return `An agent check may bring ${namesOf(doubt.targets)} back: run action: dagent before this step, and action: eagent once the server is back.`;
        case 'same address':
            return `Also at the same address: ${describeOthers(doubt.others)}. Take every server at that address out in the same step.`;
        case 'same name':
            return (`${describeOthers(doubt.others)} may be the same application, and the page does not show its address: name ` +
                "its backend, use backend: '*', or put `stats show-legends` into haproxy.cfg.");
        case 'too few serve':
            return `Fewer other servers are up now than min-up asks for: bring another one back in ${doubt.backends.join(', ')}.`;
        case 'max sessions':
            return 'Sessions may remain, because max-sessions allows them; set it to 0 for proof.';
    }
}
function urlsOf(instances) {
    return instances.map(({ name }) => name).join(', ');
}
function agesOf(instances) {
    return instances
        .flatMap(({ name, firstProcess: process }) => process === undefined
        ? []
        : [`${formatDuration(process.firstSeenAt - process.startedAt)} at ${name}`])
        .join(', ');
}

;// CONCATENATED MODULE: ./src/runner/bake-words.ts





const VERDICTS = {
    'too few': 'not judged yet, too few requests to judge',
    well: 'well',
    unclear: 'not judged yet, more failed than max-error-rate allows, perhaps by chance',
    bad: 'bad'
};
function standing(server) {
    return `${server.name} is ${VERDICTS[server.verdict]}: ${trafficInWords(server)}`;
}
function bakedInWords(outcome) {
    const baked = bakedOf(outcome);
    if (baked === undefined) {
        return '';
    }
    const { servers, elapsedMs } = baked;
    const each = servers.map((server) => {
        const name = servers.length > 1 ? `${server.name} ` : '';
        const few = server.verdict === 'too few' ? ', too few requests to judge' : '';
        return `${name}${trafficInWords(server)}${few}`;
    });
    const more = [...moreThanAllowed(baked), ...missingIn(servers)].map((text) => ` ${text}`);
    return ` Baked for ${formatDuration(elapsedMs)}: ${each.join('; ')}.${more.join('')}`;
}
function isUnclear(outcome) {
    return bakedOf(outcome)?.servers.some(({ verdict }) => verdict === 'unclear') === true;
}
function badInWords(error) {
    if (!(error instanceof BakeFailure)) {
        return [];
    }
    const { taken, outcome, troubles } = error.out;
    return [taken.length > 0 ? isOutAgain(namesOf(taken), outcome) : '', ...troubles];
}
function isOutAgain(names, outcome) {
    switch (outcome?.kind) {
        case 'safe to stop':
            return `Out of rotation again, and safe to stop: ${names}.`;
        case 'drained': {
            const doubts = outcome.proof.doubts.map(explainDoubt).join(' ');
            return `Out of rotation again and drained, but not proven safe to stop: ${names}. ${doubts}`.trim();
        }
        default:
            return `Out of rotation again, but not drained: ${names}.`;
    }
}
function bakedOf(outcome) {
    return outcome.kind === 'up' ? outcome.baked : undefined;
}
function moreThanAllowed({ servers, maxErrorRate }) {
    const names = servers.filter(({ verdict }) => verdict === 'unclear').map(({ name }) => name);
    return names.length > 0
        ? [
            `On ${names.join(', ')} more failed than max-error-rate (${Number((maxErrorRate * 100).toFixed(6))} % beyond the neighbours) allows, which may be chance: look at the application, or give it a longer bake-time.`
        ]
        : [];
}
function missingIn(servers) {
    const missing = [...new Set(servers.flatMap((server) => server.missing))];
    if (missing.length === 0) {
        return [];
    }
    return missing.join() === 'hrsp_5xx'
        ? ['In TCP mode only sessions and errors of their connections count.']
        : [`HAProxy does not show ${missing.join(', ')} here, so failures of that kind do not count.`];
}

;// CONCATENATED MODULE: ./src/runner/bake-report.ts





class BakeReport {
    #bakeMs;
    #log;
    #said = new Map();
    #samples = [];
    #lastLineMs = 0;
    constructor(bakeMs, log) {
        this.#bakeMs = bakeMs;
        this.#log = log;
    }
    get chart() {
        return bakeChart(this.#samples);
    }
    onBakeLook = (baked) => {
        const { servers, elapsedMs } = baked;
        if (elapsedMs < (this.#samples.at(-1)?.elapsedMs ?? 0)) {
            this.#samples.length = 0;
            this.#lastLineMs = 0;
        }
        this.#samples.push({ elapsedMs, ...sumOf(baked) });
        const moved = servers.filter(({ name, verdict }) => this.#said.get(name) !== verdict);
        const isDue = elapsedMs - this.#lastLineMs >= HEARTBEAT_MS;
        const time = `(${formatDuration(elapsedMs)} of ${formatDuration(this.#bakeMs)})`;
        for (const server of isDue ? servers : moved) {
            this.#said.set(server.name, server.verdict);
            this.#log.info(`${standing(server)} ${time}.`);
            this.#lastLineMs = elapsedMs;
        }
    };
    onBadTakeOut = (targets) => {
        let said = '';
        return (elapsedMs) => {
            const states = statesOf(targets);
            if (states !== said) {
                said = states;
                this.#log.info(`${states} (${formatDuration(elapsedMs)} elapsed).`);
            }
        };
    };
}
function sumOf({ servers }) {
    const sum = (amount) => servers.reduce((total, server) => total + amount(server), 0);
    return {
        requests: sum(({ traffic }) => traffic.requests),
        failed: sum(({ traffic }) => traffic.failed),
        expected: sum(({ traffic, neighbours: { requests, failed } }) => requests === 0 ? 0 : (traffic.requests * failed) / requests)
    };
}

;// CONCATENATED MODULE: ./src/runner/facts.ts


function explainFact(fact) {
    switch (fact.kind) {
        case 'idle': {
            const { maxSessions, forMs } = fact;
            const rest = maxSessions === 0 ? 'No session' : `At most ${maxSessions} sessions on each server`;
            return `${rest} for ${formatDuration(forMs)}.`;
        }
        case 'process': {
            const { instance, pid, ageMs, older } = fact;
            return `${instance.name}: process ${pid} has been running for ${formatDuration(ageMs)}; ${olderInWords(older)}.`;
        }
        case 'addresses':
            return addressesInWords(fact.shared);
        case 'serving': {
            const { backend, servers } = fact;
            return `Serving in ${backend}: ${servers.length > 0 ? servers.join(', ') : 'none'}.`;
        }
    }
}
function olderInWords(older) {
    switch (older.kind) {
        case 'gone':
            return `no older process can hold a session, given a hard-stop-after of ${formatDuration(older.hardStopAfterMs)}`;
        case 'assumed gone':
            return 'older processes are assumed to be gone after an hour';
        case 'was idle':
            return 'HAProxy was reloaded meanwhile, and no session was left on its old process';
        case 'may remain':
            return 'an older process may hold a session';
    }
}
function addressesInWords(shared) {
    const others = atSameAddress(shared);
    if (others.length > 0) {
        return `At the same address: ${describeOthers(others)}.`;
    }
    return shared.areShown
        ? 'When the step began, no other server in rotation was at the same address.'
        : 'The page does not show the addresses (stats show-legends).';
}

;// CONCATENATED MODULE: ./src/runner/failure.ts



function reportFailure(error, ...more) {
    const title = error instanceof InputError ? 'Inputs to correct' : 'Failed';
    failWith(error, failureSentence(error, ...more), title);
}
function failWith(error, sentence, title) {
    if (error instanceof InputError) {
        error.problems.forEach((problem) => {
            log_error(problem, `Input ${inputIn(problem)}`);
        });
    }
    if (!(error instanceof HaproxyError) &&
        !(error instanceof InputError) &&
        error instanceof Error) {
        log_debug(error.stack ?? '');
    }
    fail(sentence, title);
}
function failureSentence(error, ...more) {
    return [problemOf(error), ...more].filter((part) => part !== '').join(' ');
}
function inputIn(problem) {
    return problem.slice(0, problem.indexOf(':'));
}
function problemOf(error) {
    if (error instanceof InputError) {
        const names = new Set(error.problems.map(inputIn));
        const inputs = names.size === 1 ? 'the input' : 'these inputs:';
        return `Nothing was changed. Correct ${inputs} ${[...names].join(', ')}.`;
    }
    const message = messageOf(error);
    return /[.!?]$/.test(message) ? message : `${message}.`;
}

;// CONCATENATED MODULE: ./src/runner/advice.ts


const INPUTS = {
    unauthorized: 'They come from the inputs username and password, or from stats-url itself.',
    'login-needed': 'Give them as the inputs username and password.',
    'tls-unknown-issuer': 'If you know whose it is, give the certificate of its authority, or the self-signed one itself, as ca-certificate.',
    'tls-client-certificate': 'Give it as client-certificate, and its key as client-key.',
    'timed-out': 'Raise request-timeout if the page is only slow.',
    'guard-refused': 'If the backend may run with fewer, lower min-up (0 turns the guard off).',
    'no-turn': 'Raise min-up-timeout, then run this step again.',
    'same-address': "Take those out in the same step: backend: '*', and their names in server. With same-address: ignore the step goes on without proof."
};
function adviceFor(error, inputs) {
    if (!(error instanceof HaproxyError)) {
        return '';
    }
    return [error.advice, moreFor(error, inputs)].filter((part) => part !== '').join(' ');
}
function moreFor(error, inputs) {
    switch (error.problem) {
        case 'not-drained':
            return error.cause === undefined || inputs.onTimeout === 'restore'
                ? forDrain(inputs)
                : OUT_OF_SIGHT;
        case 'old-process':
            return forOldProcess(inputs);
        default:
            return INPUTS[error.problem] ?? '';
    }
}
const OUT_OF_SIGHT = 'Once it answers again, run this step again: a HAProxy that was restarted has forgotten the admin state.';
function forOldProcess({ hardStopAfterMs }) {
    return hardStopAfterMs === undefined
        ? 'If it is set there, give the same value as the input hard-stop-after, and make wait-timeout longer than that.'
        : `Make wait-timeout longer than the hard-stop-after of ${formatDuration(hardStopAfterMs)}.`;
}
function forDrain({ onTimeout }) {
    return onTimeout === 'shutdown'
        ? 'You can wait longer (wait-timeout) or let some sessions remain (max-sessions).'
        : 'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).';
}

;// CONCATENATED MODULE: ./src/runner/fleet.ts





const MAX_ROWS = 50;
function statesInLine(inputs, targets) {
    if (!isLarge(inputs, targets)) {
        return statesOf(targets);
    }
    return troublesOf(targets).length > 0
        ? troubleInWords(targets)
        : `${count(targets.length, 'server')}, all up: ${countsOf(targets)}`;
}
function foundInLines(inputs, targets) {
    const found = isLarge(inputs, targets)
        ? `${count(targets.length, 'server')}, ${countsOf(targets)}`
        : statesOf(targets);
    return [`Found: ${found}.`, ...troubleLines(inputs, targets)];
}
function isOfFleet(error) {
    return error instanceof HaproxyError && error.problem === 'not-all-up';
}
function afterFailure(error, inputs, targets) {
    if (isOfFleet(error)) {
        return [adviceForFleet(targets)];
    }
    return [
        hasStates(error, targets) ? '' : `Now ${statesInLine(inputs, targets)}.`,
        adviceFor(error, inputs)
    ];
}
function hasStates(error, targets) {
    const message = error instanceof Error ? error.message : '';
    const isNotUp = error instanceof HaproxyError && error.problem === 'not-up';
    return targets.every((target) => {
        const { change, fullName, isKnown } = target;
        const isPlain = isNotUp && isKnown && !change.isRolledBack && change.isUncertain !== true;
        const state = isPlain ? `${fullName} is ${seenAs(target)}` : statesOf([target]);
        const asked = `${fullName} was asked for ${change.state ?? ''} and is ${seenAs(target)}`;
        return [';', ':', '.', ', and ', ', its ', ', slowstart '].some((end) => message.includes(`${state}${end}`) || (isKnown && message.includes(`${asked}${end}`)));
    });
}
function isLarge({ action }, targets) {
    return action === 'status' && targets.length > MAX_ROWS;
}
function troubleLines(inputs, targets) {
    const troubles = troublesOf(targets);
    const areCounted = inputs.expect !== undefined || isLarge(inputs, targets);
    if (!areCounted || fitsInLine(troubles)) {
        return [];
    }
    const more = troubles.length - MAX_ROWS;
    return [
        ...troubles.slice(0, MAX_ROWS).map((trouble) => `${trouble}.`),
        ...(more > 0 ? [`And ${count(more, 'more server')} not up.`] : [])
    ];
}
function allUpInWords(targets) {
    const all = targets.length === 1 ? 'The server is' : `All ${targets.length} servers are`;
    return `${all} up: ${countsOf(targets)}.`;
}
function adviceForFleet(targets) {
    const seen = new Set(troubleFirst(targets).map(({ now }) => adviceForServer(now)));
    return [...seen].join(' ').trim();
}
function adviceForServer(server) {
    if (isUnresolved(server)) {
        return 'HAProxy cannot resolve a host name: only DNS can end MAINT (resolution).';
    }
    if (isInheritedMaint(server)) {
        return 'One in MAINT (via …) comes back with the server that it follows.';
    }
    switch (troubleOf(server)) {
        case 'MAINT':
        case 'DRAIN':
            return 'Servers in MAINT or DRAIN may have been forgotten: action: ready brings them back.';
        case 'DOWN':
        case 'NOLB':
        case 'partial health':
            return 'HAProxy brings a server up by itself once its health check passes: look at its application.';
        case 'weight 0':
            return 'A weight of 0 is given by haproxy.cfg, by an agent, or by somebody over the runtime API.';
        case 'slowstart':
            return 'Slowstart ends by itself: run the step again.';
        case undefined:
            return '';
    }
}

;// CONCATENATED MODULE: ./src/runner/outputs.ts




const outputs_MAX_LENGTH = 500_000;
function setOutputs(targets, result) {
    const distinct = (texts) => [...new Set(texts)].join(', ');
    const outputs = {
        changed: result.isChanged,
        status: distinct(targets.map(({ now }) => now.status)),
        'previous-status': distinct(targets.map(({ before }) => before.status)),
        sessions: targets.reduce((sum, { now }) => sum + now.sessions, 0),
        waited: (result.waitedMs / 1_000).toFixed(1),
        'safe-to-stop': result.isSafeToStop,
        result: JSON.stringify(targets.map(resultOf))
    };
    for (const [name, value] of Object.entries(outputs)) {
        const size = String(value).length;
        const isTooLong = size > outputs_MAX_LENGTH;
        if (isTooLong) {
            log.notice(`The output ${name} is left empty: ${size} characters are more than GitHub takes (${outputs_MAX_LENGTH}). Look at one backend at a time.`, `Output ${name}`);
        }
        setOutput(name, isTooLong ? '' : value);
    }
}
function resultOf(target) {
    const { backend, before, now } = target;
    return {
        instance: backend.instance.name,
        backend: before.backend,
        server: before.name,
        previousStatus: before.status,
        status: now.status,
        previousAdminState: shownAdminState(before) ?? null,
        adminState: shownAdminState(now) ?? null,
        sessions: now.sessions,
        queue: now.queue,
        check: now.check,
        changed: isChanged(target)
    };
}

;// CONCATENATED MODULE: ./src/runner/plan-words.ts


function planInWords(plan) {
    switch (plan.kind) {
        case 'command':
            return `request ${plan.command} for ${namesOf(plan.targets)}`;
        case 'take out': {
            const out = takeOutInWords(plan.targets, plan.state);
            return plan.turnMs === undefined
                ? out
                : `wait for its turn for up to ${formatDuration(plan.turnMs)}, and then ${out}`;
        }
        case 'bring back': {
            const watch = `, and then watch the traffic for ${formatDuration(plan.bakeMs)}`;
            return returnInWords(plan.routes) + (plan.bakeMs > 0 ? watch : '');
        }
    }
}
function takeOutInWords(targets, state) {
    return targets.length === 0 ? 'change nothing' : `put ${namesOf(targets)} into ${state}`;
}
const RETURNS = {
    none: (names) => `leave ${names} alone`,
    ready: (names) => `make ${names} ready`,
    down: (names) => `make ${names} ready, for HAProxy to bring up once its health check passes`,
    release: (names) => `make ${names} ready without a fresh check, because no other server serves`,
    'fresh check': (names) => `bring ${names} back with a fresh health check`,
    'checks elsewhere': (names) => `make ${names} ready once the health checks in the other backends have passed`
};
function returnInWords(routes) {
    const groups = Map.groupBy([...routes.keys()], (target) => routes.get(target) ?? 'none');
    return groups.size === 1 && groups.has('none')
        ? 'change nothing'
        : [...groups].map(([route, targets]) => RETURNS[route](namesOf(targets))).join('; ');
}

;// CONCATENATED MODULE: ./src/runner/target-words.ts



function takenAsFound(targets) {
    const found = targets.filter((target) => !wasTouched(target));
    const which = found.length === targets.length ? '' : `: ${namesOf(found)}`;
    return found.length > 0 ? ` Already up, so not checked again${which}.` : '';
}
function progressOf(target) {
    const { now } = target;
    const seen = isOutOfRotation(now) ? seenAs(target) : now.status;
    return `${seen}${now.checkFailed ? lastCheck(now.check) : ''}`;
}

;// CONCATENATED MODULE: ./src/runner/summary.ts














const OUTCOMES = {
    observed: 'ℹ️ {}: seen',
    'dry run': 'ℹ️ {}: dry run',
    commanded: '✅ {}: carried out',
    requested: '✅ {}: requested',
    'safe to stop': '✅ {}: safe to stop',
    drained: '✅ {}: drained',
    'not drained': '⚠️ {}: not drained',
    up: '✅ {}: up',
    'all up': '✅ {}: up'
};
const MAX_PLAN_LENGTH = 120;
function titleOf(outcome, targets) {
    const hasDoubts = outcome.kind === 'drained' && outcome.proof.doubts.length > 0;
    if (isUnclear(outcome)) {
        return fill('⚠️ {}: up, perhaps not well', targets);
    }
    const plan = outcome.kind === 'dry run' ? planInWords(outcome.plan) : '';
    if (plan !== '' && plan.length <= MAX_PLAN_LENGTH) {
        return `ℹ️ Dry run: would ${plan}`;
    }
    const title = hasDoubts ? '⚠️ {}: drained, not proven safe to stop' : OUTCOMES[outcome.kind];
    return fill(title, targets);
}
const summary_FAILURES = {
    'host-not-found': 'host not found',
    refused: 'HAProxy not reached',
    unreachable: 'HAProxy not reached',
    reset: 'HAProxy not reached',
    'timed-out': 'HAProxy not reached',
    'proxy-refused': 'HAProxy not reached',
    'tls-unknown-issuer': 'certificate not trusted',
    'tls-expired': 'certificate not trusted',
    'tls-wrong-name': 'certificate not trusted',
    'tls-client-certificate': 'client certificate refused',
    'tls-not-spoken': 'the port does not speak TLS',
    'tls-spoken': 'the port speaks TLS',
    'tls-failed': 'TLS failed',
    'other-login': 'no statistics page',
    forbidden: 'access forbidden',
    redirected: 'no statistics page',
    'not-http': 'no statistics page',
    unauthorized: 'login refused',
    'login-needed': 'login missing',
    'wrong-path': 'no statistics page',
    'not-csv': 'no statistics page',
    oversized: 'no statistics page',
    'unknown-backend': 'no such backend',
    'unknown-server': 'no such server',
    DENY: 'refused, HAProxy allows no changes',
    'not-returnable': 'refused, cannot come back by itself',
    'did-not-hold': 'the admin state did not hold',
    'several-haproxies': 'several HAProxies answer',
    'guard-refused': 'refused, too few others serve',
    'no-turn': 'no turn in time',
    'same-address': 'refused, its address is in use',
    'not-drained': 'not drained',
    'old-process': 'not drained',
    'not-up': 'not up',
    'bake-failed': 'not well',
    'not-baked': 'up, but not watched to the end',
    'not-all-up': 'not up',
    'changed-meanwhile': 'changed meanwhile',
    cancelled: 'cancelled'
};
function titleOfFailure(error, targets) {
    const what = error instanceof HaproxyError ? summary_FAILURES[error.problem] : undefined;
    return fill(`❌ {}: ${what ?? 'failed'}`, blamed(error, targets));
}
function withoutSign(title) {
    return title.slice(title.indexOf(' ') + 1);
}
function blamed(error, targets) {
    if (error instanceof BakeFailure) {
        return error.bad;
    }
    return isOfFleet(error) ? targets.filter(({ now }) => !isUp(now)) : targets;
}
const MAX_NAMES = 3;
function fill(title, targets) {
    const names = [...new Set(targets.map(({ name }) => name))];
    const all = names.length > MAX_NAMES ? `${names.length} servers` : names.join(', ');
    return targets.length === 0 ? title.replace('{}: ', '') : title.replace('{}', () => all);
}
function writeSummary(summary) {
    const path = process.env['GITHUB_STEP_SUMMARY'];
    if (!path) {
        return;
    }
    try {
        summary_summary
            .addHeading(escapeForHtml(summary.title), 3)
            .addRaw(`<p>${escapeForHtml(summary.sentence)}</p>`, true);
        if (summary.targets.length > 0) {
            summary_summary.addTable(table(summary));
        }
        summary_summary
            .addRaw(rest(summary))
            .addRaw(list(summary.facts))
            .addRaw(chart(summary.samples))
            .addRaw(summary.bakeChart ?? '');
        (0,external_node_fs_namespaceObject.appendFileSync)(path, summary_summary.stringify());
        summary_summary.emptyBuffer();
    }
    catch (error) {
        log.info(`The job summary could not be written: ${failureSentence(error)}`);
    }
}
function list(facts) {
    const items = facts.map((fact) => `<li>${escapeForHtml(fact)}</li>`);
    return items.length > 0 ? `<ul>${items.join('')}</ul>\n` : '';
}
function table({ targets, isLook, waitedMs }) {
    const header = isLook
        ? ['HAProxy', 'Backend', 'Server', 'State', 'Sessions']
        : ['HAProxy', 'Backend', 'Server', 'Before', 'After', 'Sessions', 'Waited'];
    const rows = targets
        .slice(0, MAX_ROWS)
        .map(({ backend, before, now }) => [
        backend.instance.name,
        before.backend,
        before.name,
        ...(isLook ? [stateInWords(now)] : [before.status, now.status]),
        String(now.sessions),
        ...(isLook ? [] : [formatDuration(waitedMs)])
    ]);
    return [
        header.map((data) => ({ data, header: true })),
        ...rows.map((row) => row.map((cell) => escapeForHtml(cell)))
    ];
}
function rest({ targets }) {
    const others = targets.slice(MAX_ROWS);
    const areUp = others.every(({ now }) => isUp(now));
    const what = areUp ? ', all up' : `: ${countsOf(others)}`;
    return others.length > 0 ? `<p>and ${others.length} more${escapeForHtml(what)}</p>\n` : '';
}
function chart(samples) {
    const highest = Math.max(0, ...samples.map(({ sessions }) => sessions));
    const [first, ...others] = samples;
    if (first === undefined || others.length === 0 || highest === 0) {
        return '';
    }
    const shown = evenly([first, ...others]);
    return drawChart({
        title: 'Sessions left',
        colours: ['#2f81f7'],
        yLabel: 'sessions',
        highest,
        endMs: shown.at(-1)?.elapsedMs ?? 0,
        lines: [shown.map(({ sessions }) => sessions)],
        numbers: shown
            .map(({ elapsedMs, sessions }) => `${inSeconds(elapsedMs)} s: ${sessions}`)
            .join(', ')
    });
}

;// CONCATENATED MODULE: ./src/runner/way-back.ts



function whoBringsThemBack(targets, { action, restore }) {
    const held = targets.filter(isInDrain);
    if (action === 'ready' && held.length > 0) {
        const stays = held.some(mayBeReleased) ? 'may stay' : 'stays';
        return `${namesOf(held)} ${stays} in drain until somebody asks for ready.`;
    }
    const out = targets.filter((target) => isMoved(target) && isAsAsked(target));
    if (out.length === 0 || (action !== 'drain' && action !== 'maint')) {
        return '';
    }
    switch (restore) {
        case 'never':
            return `The post step does not bring ${namesOf(out)} back (restore: never); action: ready does.`;
        case 'failure':
            return `The post step brings ${namesOf(out)} back if the job fails or is cancelled (restore: failure).`;
        case 'always':
            return `The post step brings ${namesOf(out)} back (restore: always).`;
    }
}
function isInDrain(target) {
    const { change, isKnown, now } = target;
    return (isKnown &&
        !change.isRolledBack &&
        isOutOfRotation(now) &&
        now.word !== 'MAINT' &&
        (change.state === 'drain' || shownAdminState(now) === 'drain' || mayBeReleased(target)));
}
function isAsAsked({ change, now, isKnown }) {
    const { state, orElse = state } = change;
    return !isKnown || state === undefined || canBe(now, state) || canBe(now, orElse ?? state);
}
function mayBeReleased({ change, now }) {
    return (change.state === 'ready' && change.isUncertain === true && shownAdminState(now) === undefined);
}

;// CONCATENATED MODULE: ./src/runner/report.ts




















class Report {
    observer;
    #bake;
    #inputs;
    #log;
    #said = new Map();
    #samples = [];
    #backends = [];
    #waitedMs = 0;
    #lastLineMs = 0;
    constructor(inputs, log) {
        this.#inputs = inputs;
        this.#log = log;
        this.#bake = new BakeReport(inputs.bakeMs, log);
        const { onBakeLook, onBadTakeOut } = this.#bake;
        this.observer = { onLook: this.#onLook, onBakeLook, onBadTakeOut };
    }
    get backends() {
        return this.#backends;
    }
    get #targets() {
        return targetsOf(this.#backends);
    }
    get #affected() {
        return [...this.#targets, ...followersOf(this.#backends)];
    }
    found(backends) {
        this.#backends = backends;
        foundInLines(this.#inputs, this.#targets).forEach((line) => {
            log.info(line);
        });
    }
    #onLook = (elapsedMs, remainingMs) => {
        this.#waitedMs = elapsedMs;
        const followers = followersOf(this.#backends);
        const watched = [...this.#targets, ...followers.filter(({ now }) => now.sessions > 0)];
        const sessions = watched
            .filter(({ now }) => isOutOfRotation(now))
            .reduce((sum, { now }) => sum + now.sessions + now.queue, 0);
        this.#samples.push({ elapsedMs, sessions });
        const time = `(${formatDuration(elapsedMs)} elapsed, ${formatDuration(remainingMs)} left)`;
        const changed = watched.filter((target) => this.#said.get(target) !== progressOf(target));
        for (const target of changed) {
            this.#said.set(target, progressOf(target));
            this.#log.info(`${target.fullName} is ${progressOf(target)} ${time}.`);
        }
        if (changed.length > 0) {
            this.#lastLineMs = elapsedMs;
        }
        else if (elapsedMs - this.#lastLineMs >= HEARTBEAT_MS) {
            this.#lastLineMs = elapsedMs;
            this.#log.info(`Still waiting: ${statesOf(this.#targets)} ${time}.`);
        }
    };
    succeed(outcome) {
        const sentence = withoutOnlyUrl(this.#achievement(outcome), this.#inputs);
        const facts = 'proof' in outcome ? outcome.proof.facts.map(explainFact) : [];
        const title = withoutOnlyUrl(titleOf(outcome, this.#targets), this.#inputs);
        const isSafeToStop = outcome.kind === 'safe to stop';
        this.#publish(isSafeToStop, { ...this.#summary(sentence), title, facts });
        const hasDoubts = 'proof' in outcome && outcome.proof.doubts.length > 0;
        if (hasDoubts || outcome.kind === 'not drained' || isUnclear(outcome)) {
            log.warning(sentence, withoutSign(title));
        }
        else {
            log.info(sentence);
        }
    }
    fail(error) {
        const targets = this.#targets;
        const more = [
            ...badInWords(error),
            this.#affected.some(wasTouched) ? '' : 'Nothing was changed.',
            ...afterFailure(error, this.#inputs, targets),
            whoBringsThemBack(targets, this.#inputs)
        ];
        const sentence = withoutOnlyUrl(failureSentence(error, ...more), this.#inputs);
        const title = titleOfFailure(error, targets);
        this.#publish(false, { ...this.#summary(sentence), title, facts: [] });
        failWith(error, sentence, withoutSign(title));
    }
    #publish(isSafeToStop, summary) {
        try {
            setOutputs(this.#targets, {
                waitedMs: this.#waitedMs,
                isChanged: this.#affected.some(isChanged),
                isSafeToStop
            });
        }
        catch (error) {
            reportFailure(error, 'So the outputs of this step are missing.');
        }
        writeSummary(summary);
    }
    #summary(sentence) {
        const isLook = this.#inputs.action === 'status';
        const targets = isLook ? troubleFirst(this.#targets) : this.#targets;
        const [waitedMs, samples, bakeChart] = [this.#waitedMs, this.#samples, this.#bake.chart];
        return { sentence, isLook, targets, waitedMs, samples, bakeChart };
    }
    #achievement(outcome) {
        const targets = this.#targets;
        const states = statesInLine(this.#inputs, targets);
        const before = this.#affected.some(isChanged) ? '' : ', as before';
        const waited = `, waited ${formatDuration(this.#waitedMs)}`;
        const { action } = this.#inputs;
        switch (outcome.kind) {
            case 'observed':
                return `Seen: ${states}.`;
            case 'all up':
                return allUpInWords(targets);
            case 'dry run':
                return `Dry run, nothing was changed: ${states}. A real run would ${planInWords(outcome.plan)}.`;
            case 'commanded':
                return `HAProxy carried out ${action}: ${states}.`;
            case 'requested':
                return action === 'ready'
                    ? `Ready: ${states}${before}. This step did not wait until up.`
                    : `Out of rotation: ${states}${before}. This step did not wait for sessions to end.`;
            case 'not drained':
                return `Out of rotation but not drained: ${states}${waited}.`;
            case 'safe to stop':
                return `Safe to stop: ${states}${before}${waited}.`;
            case 'drained':
                return [
                    action === 'maint'
                        ? `Drained, but not proven safe to stop: ${states}${before}${waited}.`
                        : `Drained: ${states}${before}${waited}. Pinned clients may come back; maint keeps them away.`,
                    ...outcome.proof.doubts.map(explainDoubt)
                ].join(' ');
            case 'up':
                return `Back and taking traffic: ${states}${before}${waited}.${takenAsFound(targets)}${bakedInWords(outcome)}`;
        }
    }
}

;// CONCATENATED MODULE: ./src/runner/post-step.ts


const post_step_KEY = 'isPost';
function isPostStep() {
    return getState(post_step_KEY) !== '';
}
function markMainStep() {
    try {
        saveState(post_step_KEY, 'true');
    }
    catch (error) {
        const reason = messageOf(error);
        throw new Error(`The runner's state file cannot be written (${reason}). Nothing was changed.`, {
            cause: error
        });
    }
}

;// CONCATENATED MODULE: ./src/main.ts












async function main() {
    const context = { clock: systemClock, log: log, observer: NO_OBSERVER, ...listenForCancel() };
    try {
        markMainStep();
        await run(readInputs(), context);
    }
    catch (error) {
        reportFailure(error);
    }
}
async function run(inputs, base) {
    const log = logOf(inputs);
    const report = new Report(inputs, log);
    const context = { ...base, log, observer: report.observer };
    try {
        const wanted = { ...wantedBy(inputs), pages: openPages(inputs) };
        const search = async () => {
            const found = await find(wanted, context);
            report.found(found.backends);
            return found;
        };
        report.succeed(await perform(inputs, search, context));
    }
    catch (error) {
        await lastLook(report.backends, context);
        report.fail(error);
    }
}

;// CONCATENATED MODULE: ./src/rotation/restore.ts




async function restore(state, backends, options, context) {
    const targets = targetsOf(backends);
    if (targets.length === 0) {
        return;
    }
    if (state === 'ready') {
        await bringBack(backends, { ...options, isAwaited: false }, context);
    }
    else {
        context.cancelled.throwIfAborted();
        await request(state, targets, context);
        await lookAgain(backends, context);
        refuseIfNotHeld(targets);
    }
    context.log.notice(...restored(state, targets));
}

;// CONCATENATED MODULE: ./src/post.ts















async function post() {
    const context = { clock: systemClock, log: log, observer: NO_OBSERVER, ...listenForCancel() };
    let known = [];
    try {
        const intent = readIntent();
        if (intent === undefined || intent.backends.length === 0) {
            log.info('Nothing to restore.');
            return;
        }
        known = intent.backends;
        const inputs = readInputs();
        if (isDue(intent, inputs)) {
            const urls = new Set(known.map(({ url }) => url));
            await Promise.all([...urls].map((url) => restoreOn(url, intent, inputs, context)));
        }
    }
    catch (error) {
        failWith(error, failureSentence(error, byHand(known)), 'Not restored');
    }
}
function byHand(backends) {
    const groups = Map.groupBy(backends, ({ previous }) => previous);
    const ways = [...groups].map(([previous, those]) => `${previous.toUpperCase()} for ${post_namesOf(those)}`);
    return ways.length === 0
        ? ''
        : `May not have been restored: check the statistics page and, unless somebody has changed them since, choose ${ways.join(', ')}.`;
}
function isDue({ restore: when, backends }, { jobStatus }) {
    const why = `restore is ${when} and the job's status is ${jobStatus}`;
    if (when === 'always' || jobStatus === 'failure' || jobStatus === 'cancelled') {
        log.info(`Restoring ${post_namesOf(backends)}: ${why}.`);
        return true;
    }
    if (jobStatus === 'success') {
        log.info(`Not restoring ${post_namesOf(backends)}: ${why}.`);
    }
    else {
        log.warning(`Not restoring ${post_namesOf(backends)}: restore is ${when}, and this runner does not say how the job went.`, 'Not restored');
    }
    return false;
}
async function restoreOn(url, intent, inputs, context) {
    const intended = intent.backends.filter((backend) => backend.url === url);
    try {
        const instance = new Instance(reopenPage(url, inputs), context.clock);
        const limits = { signal: context.cancelled };
        await retry(() => instance.identify(limits, 2), context);
        const elapsedMs = ageOf(intent, instance);
        const left = await settleAll(intended, async ({ backend, previous, servers }) => {
            const seen = await retry(() => instance.page.look(limits, backend), context);
            const saved = new Backend(instance, backend, { targets: servers }, seen);
            announceMissing(servers, saved);
            const ours = stillAsLeft(saved, intent, elapsedMs);
            return { previous, backend: new Backend(instance, backend, { targets: ours }, seen) };
        });
        for (const state of ['ready', 'drain', 'maint']) {
            const backends = left.filter(({ previous }) => previous === state);
            await restore(state, backends.map(({ backend }) => backend), optionsOf(inputs), context);
        }
    }
    catch (error) {
        const sentence = failureSentence(error, adviceFor(error, inputs), byHand(intended));
        failWith(error, sentence, 'Not restored');
    }
}
function optionsOf(inputs) {
    return { ...inputs, isAwaited: false, onTimeout: 'fail' };
}
function announceMissing(names, { targets, fullName }) {
    const gone = names.filter((name) => !targets.some(({ before }) => before.name === name));
    if (gone.length > 0) {
        log.warning(`No longer in ${fullName}: ${gone.join(', ')}.`, 'No longer there');
    }
}
function stillAsLeft(backend, { state, isClaimed }, elapsedMs) {
    const all = targetsOf([backend]);
    const ours = all.filter(({ before }) => isAsLeft(before, state, elapsedMs) || (isClaimed && before.word === 'DRAIN'));
    const changed = all.filter((target) => !ours.includes(target));
    if (changed.length > 0) {
        log.info(`Leaving alone what a later step or somebody else has changed since: ${statesOf(changed)}.`);
    }
    return ours.map(({ before }) => before.name);
}
function post_namesOf(backends) {
    return backends
        .map(({ url, backend, servers }) => {
        return `${servers.map((name) => `${backend}/${name}`).join(', ')} on ${url}`;
    })
        .join('; ');
}

;// CONCATENATED MODULE: ./src/index.ts





let isDone = false;
process.once('beforeExit', () => {
    if (!isDone) {
        reportFailure(new Error('The step ended before its work was done. That is a bug in this action: please report it, and check on the statistics page which state the servers are in.'));
    }
});
const done = (isPostStep() ? post() : main()).then(() => {
    isDone = true;
    endIfHung();
});

var __webpack_exports__done = __webpack_exports__.V;
export { __webpack_exports__done as done };
