use super::Client;
use crate::exchange::Body;

impl Client {
    /// Uploads files (name, media type, bytes) to the input `id`, the whole one, as a page does.
    ///
    /// # Errors
    ///
    /// What the page would show: the text of an error response, or of the answer that refused a file; or that the
    /// session ended first.
    pub async fn upload(&mut self, id: &str, files: &[(&str, &str, &[u8])]) -> Result<(), String> {
        let announced: Vec<_> = files
            .iter()
            .map(|(name, media_type, bytes)| {
                serde_json::json!({ "name": name, "size": bytes.len(), "type": media_type })
            })
            .collect();
        let begun = self.call("uploadInit", [announced]).await?;
        let url = begun["uploadUrl"].as_str().unwrap_or_default();
        for (.., bytes) in files {
            let request = http::Request::post(format!("/{url}")).body(Body::from(bytes.to_vec()));
            let request = request.map_err(|error| error.to_string())?;
            let response = self.fetch(request).await.map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                let text = response.into_body().collect_up_to(1 << 16).await;
                let text = text.map_err(|error| error.to_string())?;
                return Err(String::from_utf8_lossy(&text).into_owned());
            }
        }
        self.call("uploadEnd", (&begun["jobId"], id)).await.map(drop)
    }
}
