//! Where we differ from the recordings, and why.
//!
//! One recording has no replay: that of an output whose text has half of a surrogate pair, which Python sends as it is
//! (decision 26). A text in Rust cannot hold one, so there is nothing that an app could do to send it.

/// One difference: after the client's message number `step`, the first being 0.
pub(crate) struct Deviation {
    pub(crate) recording: &'static str,
    pub(crate) step: usize,
    /// What of the page differs.
    pub(crate) aspect: &'static str,
    /// What we have there, as JSON.
    pub(crate) ours: &'static str,
    /// By which decision, or what is not there yet.
    pub(crate) why: &'static str,
}

const fn deviation(
    recording: &'static str,
    step: usize,
    aspect: &'static str,
    ours: &'static str,
    why: &'static str,
) -> Deviation {
    Deviation { recording, step, aspect, ours, why }
}

/// Beside these, a flush in which nothing changed sends no message (decision 24, E4, E5): see the test of that name.
#[rustfmt::skip]
pub(crate) const DEVIATIONS: &[Deviation] = &[
    deviation("violation_empty_text", 0, "close", "1007", "decision 29: a close code that says why"),
    deviation("violation_init_without_data", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_invalid_json", 0, "close", "1007", "decision 29: a close code that says why"),
    deviation("violation_no_method", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_not_object", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_not_object_number", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_null_json", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_request_before_init", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_unknown_method_no_tag_before_init", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_update_before_init", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_binary_frame", 0, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_init_twice", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_invalid_json_running", 1, "close", "1007", "decision 29: a close code that says why"),
    deviation("violation_running_method_list", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_method_not_string", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_unknown_method_no_tag", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_unknown_method_tag_only", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_update_data_not_object", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_update_no_data", 1, "close", "1002", "decision 29: a close code that says why"),
    deviation("violation_running_blob_request", 1, "close", "null", "decision 30: a request with blobs is a request"),
    deviation("violation_running_blob_request", 1, "responses", r#"[{"tag":0,"error":"this method takes no blobs"}]"#, "decision 30"),
    deviation("input_types_fatal_0", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_1", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_2", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_3", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_4", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_5", 1, "close", "null", "decision 28: a bad key is dropped, the session lives"),
    deviation("input_types_fatal_6", 1, "close", "null", "a symbol is a text, as in Shiny for R"),
    deviation("input_types_fatal_6", 1, "values", r#"{"show":"'a'"}"#, "a symbol is a text, as in Shiny for R"),
    deviation("session_end_custom_unserializable", 1, "close", "1011", "decision 29: a close code that says why"),
    deviation("session_end_effect_error", 1, "close", "1011", "decision 29: a close code that says why"),
    deviation("session_end_on_flush_error", 1, "close", "1011", "decision 29: a close code that says why"),
    deviation("server_function_error", 0, "close", "1011", "decision 29: a close code that says why"),
    deviation("input_types", 5, "values", r#"{"show":"'2024-01-02'"}"#, "decision 2: the app names the type it reads, and gets what the client sent"),
    deviation("input_types", 8, "values", r#"{"show":"('2024-01-02', None)"}"#, "decision 2: the app names the type it reads, and gets what the client sent"),
    deviation("input_types", 9, "values", r#"{"show":"1704067200"}"#, "decision 2: the app names the type it reads, and gets what the client sent"),
    deviation("input_types", 10, "values", r#"{"show":"(0, 1.5)"}"#, "decision 2: the app names the type it reads, and gets what the client sent"),
    deviation("output_unserializable_inf", 1, "values", r#"{"out":null}"#, "decision 26: NaN and infinities become null, where the client threw the message away"),
    deviation("output_unserializable_inf", 1, "states", r#"{"out":"Value"}"#, "decision 26"),
    deviation("output_unserializable_nan", 1, "values", r#"{"out":null}"#, "decision 26: NaN and infinities become null, where the client threw the message away"),
    deviation("output_unserializable_nan", 1, "states", r#"{"out":"Value"}"#, "decision 26"),
    deviation("output_unserializable_set", 1, "close", "null", "decision 26: an error entry of that output, the session lives"),
    deviation("output_unserializable_set", 1, "values", "{}", "decision 26"),
    deviation("output_unserializable_set", 1, "errors", r#"{"out":"key must be a string"}"#, "decision 26"),
    deviation("output_unserializable_set", 1, "states", r#"{"out":"Error"}"#, "decision 26"),
    deviation("output_unserializable_set", 2, "close", "null", "decision 26"),
    deviation("output_unserializable_set", 2, "values", r#"{"out":"after"}"#, "decision 26"),
    deviation("output_unserializable_set", 2, "states", r#"{"out":"Value"}"#, "decision 26"),
    deviation("requests", 6, "responses", r#"[{"tag":5,"error":"the arguments do not fit: invalid length 0, expected a tuple of size 1 at line 1 column 2"}]"#, "decision 31: tells nothing of the app"),
    deviation("requests", 9, "responses", r#"[{"tag":6,"error":"there is no such upload"}]"#, "decision 33: an upload that is not there cannot be ended"),
    deviation("requests", 10, "responses", r#"[{"tag":7,"error":"the arguments do not fit: missing field `type` at line 1 column 30"}]"#, "decision 31: says what is wrong"),
    deviation("requests", 11, "responses", r#"[{"tag":8,"error":"the arguments of a request are a list"}]"#, "J1: arguments are passed by position"),
    deviation("requests", 12, "close", "null", "decision 26: an error response, the session lives"),
    deviation("requests", 12, "responses", r#"[{"tag":9,"error":"key must be a string"}]"#, "decision 26"),
    deviation("http_dynamic_route", 4, "answers", r#"[[200,"{\"q\":{},\"path\":\"dyn\"}"]]"#, "decision 32: any method"),
    deviation("http_dynamic_route", 5, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_dynamic_route", 6, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_dynamic_route", 7, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_dynamic_route", 8, "answers", r#"[[200,""]]"#, "decision 32: any method; a HEAD has the head of GET"),
    deviation("http_dynamic_route", 9, "answers", r#"[[500,"boom"]]"#, "decision 32: the text of the error, as outputs have it"),
    deviation("http_dynamic_route", 10, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_dynamic_route", 11, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_download", 5, "answers", r#"[[500,"boom"]]"#, "decision 32: an error before the first byte is a 500, with the text of the error, as outputs have it"),
    deviation("http_download", 6, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_download", 7, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_upload", 5, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_upload", 6, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_upload", 7, "answers", r#"[[404,"{\"detail\":\"Not Found\"}"]]"#, "decision 32: everything that is not there is the same 404"),
    deviation("http_upload", 9, "responses", r#"[{"tag":3,"error":"not all files of this upload have come"}]"#, "the same in other words"),
    deviation("http_upload", 10, "answers", r#"[[413,"the file is longer than it was announced"]]"#, "decision 33: the announced sizes are enforced"),
    deviation("http_upload", 11, "answers", r#"[[413,"the file is longer than it was announced"]]"#, "decision 33: the announced sizes are enforced"),
    deviation("http_upload", 12, "responses", r#"[{"tag":4,"error":"not all files of this upload have come"}]"#, "decision 33: the announced sizes are enforced"),
    deviation("http_upload", 12, "values", r#"{"up":"a.txt|3|text/plain|0.txt|abc;b.csv|5|text/csv|1.csv|1,2,3","url":"session/<SESSION_ID>/dynamic_route/dyn?nonce=<NONCE> | session/<SESSION_ID>/dynamic_route/a%20dyn/x?nonce=<NONCE>"}"#, "decision 33: the announced sizes are enforced"),
];
