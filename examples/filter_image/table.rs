//! Prints the table: what the dispatcher predicted, what was measured, and by how much the results differ.

use convolve::strategies;

use crate::filters::Filter;
use crate::measure::{Measured, Row};
use crate::picture::Picture;

pub(crate) fn print_head(picture: &Picture) {
    let Picture { name, rows, columns, channels, .. } = picture;
    let colours = if *channels == 1 { "gray" } else { "red, green, blue" };
    println!("{name}: {columns}x{rows} pixels, {colours}, one thread");
    let names: String = strategies().iter().map(|name| format!("{name:>10}")).collect();
    let width = names.len();
    println!("{:34}|{:>width$} |{:>width$} |{:>11}", "", "predicted ms", "measured ms", "largest");
    println!("{:14}{:10}{:10}|{names} |{names} |{:>11}", "filter", "kernel", "chosen", "difference");
}

pub(crate) fn print_row(filter: &Filter, measured: &Measured) {
    let [rows, columns] = filter.dims();
    let kernel = match filter.kernels.len() {
        1 => format!("{rows}x{columns}"),
        several => format!("{several} {rows}x{columns}"),
    };
    let predicted: String = measured.rows.iter().map(predicted).collect();
    let timed: String = measured.rows.iter().map(timed).collect();
    let Measured { chosen, largest_difference, .. } = measured;
    println!("{:14}{kernel:10}{chosen:10}|{predicted} |{timed} |{largest_difference:>11.5}", filter.name);
    for Row { candidate, seconds } in &measured.rows {
        match &candidate.answer {
            Err(reason) => println!("{:14}{} declines: {reason}", "", candidate.strategy),
            Ok(_) if seconds.is_none() => println!("{:14}{} was not run: too slow", "", candidate.strategy),
            Ok(_) => {}
        }
    }
}

fn predicted(row: &Row) -> String {
    match &row.candidate.answer {
        Ok(prediction) => format!("{:>10.2}", 1e3 * prediction.seconds),
        Err(_) => format!("{:>10}", "declined"),
    }
}

fn timed(row: &Row) -> String {
    match row.seconds {
        Some(seconds) => format!("{:>10.2}", 1e3 * seconds),
        None => format!("{:>10}", "not run"),
    }
}
