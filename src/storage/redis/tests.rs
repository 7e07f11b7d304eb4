use super::*;

fn refusal(text: &str) -> SettingsError {
    RedisDriver.check(&Settings(text.parse().unwrap())).expect_err(text)
}

#[test]
fn what_cannot_be_connected_to_is_refused_with_its_key_and_without_its_password() {
    for (text, key, said) in [
        ("urls = []", "urls", "no server is named; write redis://"),
        ("urls = ['localhost:6379']", "urls[0]", "write redis://USER:PASSWORD@HOST:PORT"),
        ("urls = ['http://:secret@localhost']", "urls[0]", "write redis://"),
        ("urls = ['redis://user:sec#ret@localhost:secret']", "urls[0]", "%23 for #"),
        ("urls = ['redis://:secret@localhost/secret']", "urls[0]", "database"),
        ("urls = ['redis://:secret@a', 'redis://:secret@b/3']", "urls[1]", "no other database than 0"),
        ("urls = ['unix:///run/redis.sock?pass=secret', 'redis://:secret@b']", "urls[0]", "Unix socket"),
        ("urls = ['redis://:secret@a', 'redis://:secretary@b']", "urls", "password"),
        ("urls = ['redis://a', 7]", "urls[1]", "expected a string"),
        ("timeout = '0s'", "timeout", "250ms"),
        ("timeout = '250'", "timeout", "write a whole number and a unit"),
        ("key_prefix = '{tracker}:'", "key_prefix", "leave them out"),
        ("fallback_max_peers = -1", "fallback_max_peers", "out of range"),
    ] {
        let error = refusal(text);
        assert_eq!(error.key, key, "{error}");
        assert!(error.message.contains(said), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn every_form_of_url_is_taken() {
    for urls in [
        "'redis://127.0.0.1:6379'",
        "'rediss://user:password@redis.example/2'",
        "'unix:///run/redis/redis.sock?db=1&user=u&pass=p'",
        "'valkey://[::1]:7000'",
        "'redis://:p%23w@a:7000', 'redis://:p%23w@b:7000', 'redis://:p%23w@c'",
    ] {
        RedisDriver.check(&Settings(format!("urls = [{urls}]").parse().unwrap())).expect(urls);
    }
}
